# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of one call, its messages, the ledger, transactions and counters; and closing a pinhole."""

import pytest

from appliance.audit.models import Entry
from appliance.sip import services
from tests.unit.sip.test_api import CALL
from tests.unit.sip.test_history import ended

MESSAGE = {
    "part": "message", "id": "m1", "t": 1.0, "side": "internal", "transport": "udp", "source": "192.168.0.10:5060",
    "destination": "203.0.113.1:5060", "sent_from": "203.0.113.2:5060", "sent_to": "203.0.113.1:5060",
    "method": "INVITE", "status": 0, "phrase": "", "cseq": 1, "start_line": "INVITE sip:200@provider.example SIP/2.0",
    "sdp": True, "changes": 1, "repeats": "", "answered": 0, "applied": True, "verdict": "forwarded",
}  # fmt: skip
TEXTS = {
    "before": "INVITE sip:200@provider.example SIP/2.0\r\nContact: <sip:101@192.168.0.10:5060>\r\n\r\n",
    "after": "INVITE sip:200@provider.example SIP/2.0\r\nContact: <sip:101@203.0.113.2:5060>\r\n\r\n",
    "edits": [
        {"start": 59, "end": 76, "at": 59, "before": "192.168.0.10:5060", "after": "203.0.113.2:5060",
         "where": "Contact", "reason": "the party's signalling endpoint and our mapping of it"}
    ],
}  # fmt: skip
OPENING = {
    "id": "77", "call": "c1", "call_id": "a@b", "party": "192.168.0.10:5060", "provider": "Tel", "rule": "rule:1",
    "kind": "exact", "media": "audio", "component": "rtp", "line": 1, "internal": "192.168.0.10:14000",
    "mapped": "203.0.113.2:20000", "external": "203.0.113.99:7000", "opened": 2.0, "opened_by": "200 INVITE",
    "opened_from": "external", "closed": None, "why": "", "packets_in": 0, "packets_out": 5, "active_in": False,
    "active_out": True, "held": False, "instead_of": "", "silent_in": [], "silent_out": [],
}  # fmt: skip
PARTS = [CALL | {"part": "call"}, MESSAGE, OPENING | {"part": "stream"}]


def test_call_comes_with_its_openings(api, engine):
    engine.items["call"] = PARTS
    answer = api("get", "calls/c1").json()
    assert answer == {"call": CALL, "streams": [OPENING], "messages": 1, "measured": {}}
    assert engine.requests == [{"op": "call", "call": "c1"}]


def test_forgotten_call_is_not_found(api, engine):
    assert api("get", "calls/c1").status_code == 404


def test_messages_come_with_every_change(api, engine):
    engine.items["trace"] = [MESSAGE | TEXTS]
    assert api("get", "calls/c1/messages").json() == {"items": [MESSAGE | TEXTS], "count": 1}


def test_ledger_transactions_and_counters(api, engine):
    transaction = {
        "id": "internal z9hG4bKx INVITE",
        "branch": "z9hG4bKx",
        "method": "INVITE",
        "side": "internal",
        "peer": "203.0.113.1",
        "cseq": 1,
    }
    engine.items["ledger"] = [OPENING]
    engine.items["transactions"] = [transaction | {"ends": 9.0, "refused": ""}]
    engine.items["counters"] = [
        {"id": "internal INVITE 0", "side": "internal", "method": "INVITE", "status": 0, "messages": 3}
    ]
    engine.health["counters"] = {"dropped:no-rule": 2}
    assert api("get", "pinholes/ledger").json() == {"items": [OPENING], "count": 1}
    assert api("get", "transactions").json()["items"][0]["method"] == "INVITE"
    counters = api("get", "counters").json()
    assert (counters["messages"][0]["messages"], counters["reasons"]) == (3, {"dropped:no-rule": 2})


@pytest.mark.parametrize("path", ["calls/c1", "calls/c1/messages", "pinholes/ledger", "transactions", "counters"])
def test_silent_engine_is_said_in_words(api, path):
    assert api("get", path).status_code == 503


def test_pinhole_is_closed_and_the_trail_says_who(api, engine):
    engine.items["ledger"] = [OPENING]
    assert api("delete", "pinholes/77").status_code == 204
    assert engine.requests[-1] == {"op": "close", "pinhole": "77"}
    entry = Entry.objects.get(verb="close")
    assert (entry.verb, entry.actor, entry.before["mapped"]) == ("close", "anna", "203.0.113.2:20000")


@pytest.mark.parametrize("closed", [True, False])
def test_pinhole_that_is_gone_cannot_be_closed(api, engine, closed):
    engine.items["ledger"] = [OPENING | {"closed": 5.0}] if closed else [OPENING]
    engine.refusals["close"] = "there is no such opening"
    answer = api("delete", "pinholes/77")
    assert (answer.status_code, answer.json()["fields"]) == (422, {"pinhole": ["This pinhole is not open any more."]})
    assert not Entry.objects.filter(verb="close").exists()


def test_history_is_found_over_rest(api):
    services.note_ended([ended("c1", from_uri="sip:030@x"), ended("c2")])
    assert api("get", "calls/history").json()["count"] == 2
    answer = api("get", "calls/history?q=030").json()
    assert [(each["ident"], each["from_number"], each["state"]) for each in answer["items"]] == [
        ("c1", "030", "completed")
    ]
    assert answer["items"][0]["ending"]["code"] == "hung-up-inside"
    assert api("get", "calls/history?offset=5").json() == {"items": [], "count": 2}
