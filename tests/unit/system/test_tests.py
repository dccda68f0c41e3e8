# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests and captures towards the operator: mistakes at the field, results in words, and who started what."""

import pytest

from appliance.audit.models import Entry
from appliance.kernel import told
from appliance.permissions import Role
from appliance.probes.results import ENDED, said
from appliance.system.columns import test_sentence as sentence
from appliance.system.columns.rows import _TOLD
from tests.unit.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def netadmin(monkeypatch):
    """Takes questions; the real one stands in tests/lab."""
    asked = []
    monkeypatch.setattr("appliance.system.services.tests.ask", lambda what, **values: asked.append((what, values)))
    return asked


@pytest.fixture
def results(monkeypatch):
    lines = [said("options-answered", "ok", 3.2, status="200 OK", server="<b>x</b>")]
    monkeypatch.setattr(told, "told", lambda _job: told.Told(lines, any(each["code"] == ENDED for each in lines)))
    return lines


@pytest.fixture
def console(client):
    client.force_login(person(Role.TECHNICIAN))
    return client


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "ping"}, "Enter an address or a name"),
        ({"kind": "ping", "host": "a b"}, "Enter an address or a name"),
        ({"kind": "ping", "host": "-x; rm"}, "Enter an address or a name"),
        ({"kind": "capture", "host": "sip.example.net"}, "A capture needs an address"),
        ({"kind": "dns", "host": "192.0.2.1"}, "Enter a name to look up."),
        ({"kind": "options", "host": "x.example", "port": "70000"}, "65535"),
        ({"kind": "magic", "host": "x.example"}, "magic"),
        ({"kind": "capture", "host": "192.0.2.1", "seconds": "3600"}, "60"),
    ],
)
def test_mistakes_are_said_at_the_field_and_nothing_is_started(console, netadmin, fields, words):
    text = console.post("/system/tests/", fields).content.decode()
    assert words in text
    assert (netadmin, Entry.objects.filter(verb="test").count()) == ([], 0)


def test_start_is_recorded_and_leads_to_the_results(console, netadmin):
    answer = console.post("/system/tests/", {"kind": "options", "host": "sip.example.net", "transport": "tcp"})
    ((what, values),) = netadmin
    assert what == "probe"
    assert values["asked"] == {
        "kind": "options", "host": "sip.example.net", "port": 0, "transport": "tcp", "servers": [],
    }  # fmt: skip
    assert answer["Location"] == f"/system/tests/{values['job']}/"
    assert Entry.objects.get(verb="test").after["host"] == "sip.example.net"


def test_results_are_sentences_and_come_until_the_end(console, results):
    text = console.get("/system/tests/abc/").content.decode()
    assert "The server answers: 200 OK (&lt;b&gt;x&lt;/b&gt;)." in text
    assert 'hx-trigger="every 1s"' in text
    results.append(said(ENDED))
    assert "every 1s" not in console.get("/system/tests/abc/", headers={"HX-Request": "true"}).content.decode()


@pytest.mark.parametrize(
    ("asked", "host"),
    [("192.168.0.10:5060", "192.168.0.10"), ("[fd00:a::10]:5060", "fd00:a::10"), ("fd00:a::10", "fd00:a::10")],
)
def test_capture_of_a_calls_phone_is_filled_in(console, asked, host):
    text = console.get("/system/tests/", {"kind": "capture", "host": asked}).content.decode()
    assert f'value="{host}"' in text
    assert '<option value="capture" selected>' in text


def test_silence_of_redis_is_said(console):
    assert "does not answer" in console.get("/system/tests/abc/").content.decode()
    text = console.post("/system/tests/", {"kind": "ping", "host": "192.0.2.1"}).content.decode()
    assert "does not answer" in text
    assert console.get("/system/tests/abc/capture.pcap")["Location"] == "/system/tests/abc/"


def test_rest_starts_and_reads(api, netadmin, monkeypatch):
    answer = api("post", "tests", {"kind": "capture", "host": "192.168.0.10", "seconds": 3})
    assert answer.status_code == 202
    assert netadmin == [("capture", {"job": answer.json()["id"], "host": "192.168.0.10", "seconds": 3})]
    monkeypatch.setattr(told, "told", lambda _job: told.Told([said("hop", hop=1, host="x")], True))
    assert api("get", "tests/abc").json()["ended"] is True
    assert api("post", "tests", {"kind": "ping", "host": ""}).status_code == 422


def test_who_may_not_test_does_not(client, netadmin):
    client.force_login(person(Role.AUDITOR))
    assert client.get("/system/tests/").status_code == 403
    assert client.post("/system/tests/", {"kind": "ping", "host": "192.0.2.1"}).status_code == 403


def test_every_sentence_is_filled_in():
    for code, text in _TOLD.items():
        names = {part.partition("}")[0] for part in str(text).split("{")[1:]}
        assert "{" not in sentence(said(code, **dict.fromkeys(names, "x")))


def test_page_leads_to_the_support_bundle_of_a_call_for_who_may_make_one(console, client):
    assert 'href="/calls/history/">Call history' not in console.get("/system/tests/").content.decode()
    client.force_login(person(Role.ADMINISTRATOR))
    text = client.get("/system/tests/").content.decode()
    assert "<h2>Support bundle</h2>" in text
    assert 'href="/calls/history/">Call history' in text
