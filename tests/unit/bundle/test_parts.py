# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes into a support bundle is what was shown, made up by default and without secrets, and it is recorded."""

import io
import json
import zipfile

import pytest

from appliance.audit.models import Entry
from appliance.bundle.parts import PARTS
from appliance.firewall.services import create_rule
from appliance.permissions import Role
from appliance.sip import services
from tests.unit.people import person
from tests.unit.sip.test_calls import MESSAGE, OPENING, TEXTS
from tests.unit.sip.test_calls import PARTS as CALL_PARTS
from tests.unit.sip.test_history import SILENT, ended

pytestmark = pytest.mark.django_db

URL = "/calls/c1/bundle/"
REAL = "192.168.0.10"


@pytest.fixture
def console(client, owner, engine):
    engine.items["call"] = list(CALL_PARTS)
    engine.items["trace"] = [MESSAGE | TEXTS]
    engine.items["ledger"] = [OPENING]
    client.force_login(owner)
    return client


def files(answer):
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        return {name.removeprefix("pinhole-support/"): archive.read(name) for name in archive.namelist()}


def test_page_shows_every_part_as_it_would_go_out(console):
    text = console.get(URL).content.decode()
    for part in PARTS:
        assert f'data-part="{part.word}"' in text
    assert REAL not in text
    assert "Running revision: none" in text
    assert REAL in console.get(URL, {"real": "1"}, headers={"HX-Request": "true"}).content.decode()


def test_file_holds_what_was_ticked_with_made_up_numbers_and_is_recorded(console, owner):
    create_rule(actor=owner, name="Odd", action="drop", comment="call Anna on 0171 1234567")
    answer = console.post(URL, {"parts": ["messages", "configuration", "capture"]})
    found = files(answer)
    assert set(found) == {"messages.txt", "configuration.json", "messages.pcap"}
    assert answer["Content-Disposition"] == 'attachment; filename="pinhole-support-c1.zip"'
    assert REAL.encode() not in found["messages.txt"]
    assert b"0171" not in found["configuration.json"]
    assert json.loads(found["configuration.json"])["rules"][0]["name"] == "Odd"
    taken = Entry.objects.get(verb="download")
    assert taken.after == {"what": "support bundle of call c1: messages, capture, configuration"}


def test_real_numbers_go_out_where_somebody_ticks_that(console):
    found = files(console.post(URL, {"parts": ["messages"], "real": "1"}))
    assert REAL.encode() in found["messages.txt"]


def test_nothing_ticked_is_said_at_the_form(console):
    answer = console.post(URL)
    assert "Tick what shall go into the bundle." in answer.content.decode()


def test_call_of_the_history_has_a_bundle_without_messages(console, engine):
    services.note_ended([ended("c7", verdict=SILENT)])
    engine.items["call"], engine.items["trace"] = [], []
    text = console.get("/calls/c7/bundle/").content.decode()
    assert "There is nothing of this." in text
    assert set(files(console.post("/calls/c7/bundle/", {"parts": ["overview", "messages"]}))) == {"overview.txt"}
    assert console.get("/calls/c9/bundle/").status_code == 404


def test_bundle_of_a_silent_engine_has_the_rest(client, owner):
    client.force_login(owner)
    text = client.get(URL).content.decode()
    assert "The SIP engine does not answer." in text
    assert "configuration.json" in files(client.post(URL, {"parts": ["configuration", "health"]}))


def test_who_may_not_make_one_gets_none(client, engine):
    client.force_login(person(Role.TECHNICIAN))
    assert client.get(URL).status_code == 403
