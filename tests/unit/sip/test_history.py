# SPDX-License-Identifier: GPL-2.0-or-later
"""The history: no ended call is lost, nothing is kept too long, numbers are masked where that is wished."""

import re
import time
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from appliance.audit.models import Entry
from appliance.sip import queries, services
from appliance.sip.models import CallRecord
from appliance.sip.queries import party
from appliance.sip.services.history import masked
from appliance.sip.tasks import record_calls
from tests.unit.sip.test_api import CALL

pytestmark = pytest.mark.django_db
MEDIA = [
    {
        "external": "203.0.113.99:7000", "opened": 20.0, "closed": 60.0, "packets_in": 1500, "packets_out": 2000,
        "silent_in": [{"since": 30.0, "until": 40.0}, {"since": 50.0, "until": 52.0}], "silent_out": [],
    }
]  # fmt: skip
SILENT = {"code": "peer-silent", "params": {"peer": "203.0.113.99:7000"}, "text": "…"}


def ended(ident="c1", noted=100.0, **changed):
    ending = {"code": "hung-up-inside", "params": {}, "text": "hung up by the phone"}
    call = CALL | {"id": ident, "state": "completed", "ended": 60.0, "ending": ending, "reason": "hung up by the phone"}
    return {"noted": noted, "call": call | changed, "media": MEDIA}


class Engine:
    """Answers `ended` as the engine does."""

    def __init__(self, double, rows):
        self.double, self.rows = double, rows

    def ask(self, monkeypatch):
        def items(op, after):
            assert op == "ended"
            return [row for row in self.rows if row["noted"] > after][:2]

        monkeypatch.setattr("appliance.sip.tasks.engine_items", items)


def test_every_ended_call_is_written_once_however_many_there_are(monkeypatch):
    engine = Engine(None, [ended(f"c{number}", 100.0 + number) for number in range(5)])
    engine.ask(monkeypatch)
    assert record_calls() == 5
    assert record_calls() == 0
    engine.rows.append(ended("c9", 200.0))
    assert record_calls() == 1
    assert CallRecord.objects.count() == 6


def test_call_that_ends_twice_is_written_anew(monkeypatch):
    engine = Engine(None, [ended("c1", 100.0, state="cancelled")])
    engine.ask(monkeypatch)
    record_calls()
    engine.rows.append(ended("c1", 110.0, state="completed"))
    record_calls()
    assert CallRecord.objects.get().state == "completed"


def test_clock_that_was_set_back_loses_nothing(monkeypatch):
    services.note_ended([ended("before", time.time() + 3600)])
    Engine(None, [ended("after", 100.0)]).ask(monkeypatch)
    assert record_calls() == 1
    assert CallRecord.objects.filter(ident="after").exists()


def test_silent_engine_is_no_fault():
    assert record_calls() == 0


def test_record_has_what_the_row_had():
    services.note_ended([ended(verdict=SILENT)])
    found = CallRecord.objects.get()
    assert (found.from_number, found.to_number, found.codec) == ("a", "b", "PCMA")
    assert (found.duration, found.packets_in) == (timedelta(seconds=58), 1)
    assert [each["code"] for each in found.said] == ["hung-up-inside", "peer-silent"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {"c1", "c2"}),
        ("030", {"c1"}),
        ("TEL", {"c1", "c2"}),
        ("-030", {"c2"}),
        ("030 -tel", set()),
        ("nobody", set()),
    ],
)
def test_search(text, found):
    services.note_ended([ended("c1", from_uri="sip:030123@x"), ended("c2", from_uri="sip:089@x")])
    assert {record.ident for record in queries.records(text=text)} == found


def test_faults_are_found():
    flowing = {"code": "audio-both", "params": {}, "text": ""}
    services.note_ended([ended("c1", verdict=SILENT), ended("c2", verdict=flowing), ended("c3", verdict=None)])
    assert [record.ident for record in queries.records(faults=True)] == ["c1"]


def test_what_is_too_old_is_forgotten():
    services.update_history(actor="test", retention_days=10, masking="none")
    services.note_ended([ended("old"), ended("new", ended=time.time() - 5 * 86_400)])
    assert services.forget_old() == 1
    assert [record.ident for record in CallRecord.objects.all()] == ["new"]
    assert CallRecord.objects.get().ended > timezone.now() - timedelta(days=10)


@pytest.mark.parametrize(
    ("masking", "number", "kept"),
    [("none", "030123456", "030123456"), ("last", "030123456", "030123xxx"), ("last", "12", "xx"), ("all", "030", "–"),
     ("last", "anna", "anna"), ("last", "101-intern", "xxx-intern")],
)  # fmt: skip
def test_numbers_are_masked(masking, number, kept):
    assert masked(number, masking) == kept


def test_masked_number_is_not_in_what_is_searched():
    services.update_history(actor="test", retention_days=30, masking="last")
    services.note_ended([ended(from_uri="sip:030123456@x")])
    found = CallRecord.objects.get()
    assert "456" not in found.search
    assert found.from_number == "030123xxx"


def test_settings_are_checked_and_audited():
    with pytest.raises(ValidationError):
        services.update_history(actor="anna", retention_days=0, masking="none")
    with pytest.raises(ValidationError):
        services.update_history(actor="anna", retention_days=30, masking="some")
    services.update_history(actor="anna", retention_days=7, masking="last")
    assert Entry.objects.get().after == {"retention_days": 7, "masking": "last"}
    services.update_history(actor="anna", retention_days=8, masking="last")
    assert queries.history_settings().retention_days == 8


@pytest.mark.parametrize(
    ("uri", "name"),
    [("sip:101@192.168.0.10:5060;transport=udp", "101"), ("<sips:a@b>", "a"), ("tel:+4930;phone-context=x", "+4930"),
     ("sip:192.168.0.10", "192.168.0.10"), ("", ""), (None, ""), ('"Anna" <sip:1@x>;tag=2', "1")],
)  # fmt: skip
def test_party(uri, name):
    assert party(uri) == name


def test_silences_of_a_call_are_kept_and_its_page_shows_them_in_bars_and_in_words(client, owner, engine):
    services.note_ended([ended("c1")])
    client.force_login(owner)
    page = client.get("/calls/c1/").content.decode()
    outward, inward = re.findall(r'<figure class="media-bar".*?</figure>', page, re.DOTALL)
    assert "2,000 packets" in outward
    assert 'class="gap"' not in outward
    assert "1,500 packets" in inward
    assert re.findall(r'class="gap" x="([\d.]+)" y="0" width="([\d.]+)"', inward) == [
        ("250.0", "250.0"),
        ("750.0", "50.0"),
    ]
    said = re.findall(
        r"silent from <time datetime=\"([^\"]+)\"[^>]*>[^<]*</time> to <time datetime=\"([^\"]+)\"", inward
    )
    assert said == [
        ("1970-01-01T00:00:30+00:00", "1970-01-01T00:00:40+00:00"),
        ("1970-01-01T00:00:50+00:00", "1970-01-01T00:00:52+00:00"),
    ]


def test_direction_without_packets_is_no_gap_but_nothing():
    services.note_ended([ended("c1") | {"media": [MEDIA[0] | {"packets_in": 0}]}])
    outward, inward = queries.kept_media(CallRecord.objects.get())
    assert (outward.packets, inward.packets, inward.gaps) == (2000, 0, [])
