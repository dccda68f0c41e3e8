# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of one call, its messages, downloads, the history and its settings."""

import io
import json

import dpkt
import pytest

from appliance.audit.models import Entry
from appliance.permissions import Role
from appliance.sip import queries, services
from appliance.sip.columns import CLOSED_BECAUSE
from tests.unit.people import person
from tests.unit.sip.test_calls import MESSAGE, OPENING, PARTS, TEXTS
from tests.unit.sip.test_history import SILENT, ended


@pytest.fixture
def page(client, owner, engine):
    client.force_login(owner)

    def get(path, **asked):
        answer = client.get(path, asked)
        return answer, b"".join(answer).decode(errors="replace")

    return get


def test_page_says_the_verdict_before_any_script_ran(page, engine):
    engine.items["call"] = [PARTS[0] | {"verdict": SILENT}, *PARTS[1:]]
    answer, text = page("/calls/c1/")
    assert answer.status_code == 200
    assert "No packets from 203.0.113.99:7000 since the answer" in text
    assert 'data-live-topic="call:c1"' in text
    assert "#rule-1" in text


def test_page_brings_what_the_ladder_draws_at_once(page, engine):
    engine.items["call"] = PARTS
    told = page("/calls/c1/")[1].partition('<script id="call-rows" type="application/json">')[2]
    assert json.loads(told.partition("</script>")[0]) == PARTS


def test_no_name_in_an_address_becomes_a_header(page, engine):
    engine.items["trace"] = [MESSAGE | TEXTS]
    answer, _text = page('/calls/x"%0d%0aSet-Cookie:%20a=b/export/')
    assert answer.status_code == 200
    assert "\n" not in answer.headers["Content-Disposition"]
    assert "Set-Cookie" not in answer.headers
    assert "a" not in answer.cookies


def test_call_that_nobody_knows_is_not_found(page):
    assert page("/calls/c1/")[0].status_code == 404


def test_call_that_the_engine_has_forgotten_is_shown_from_the_history(page):
    services.note_ended([ended("c7", verdict=SILENT)])
    text = page("/calls/c7/")[1]
    assert "no longer kept" in text
    assert "hung up by the phone" in text


def test_call_of_which_only_messages_are_left_has_a_page(page, engine):
    engine.items["call"] = [MESSAGE]
    assert page("/calls/c1/")[0].status_code == 200


def test_message_is_shown_side_by_side_with_its_rules(page, engine):
    engine.items["trace"] = [MESSAGE | TEXTS]
    text = page("/calls/c1/messages/m1/")[1]
    assert '<del data-change="1">192.168.0.10:5060</del>' in text
    assert '<ins data-change="1">203.0.113.2:5060</ins>' in text
    assert "signalling endpoint and our mapping of it" in text
    assert page("/calls/c1/messages/m9/")[0].status_code == 404


def test_what_a_message_says_never_becomes_markup(page, engine):
    evil = TEXTS | {"before": "INVITE <script>alert(1)</script>\r\n\r\n", "after": "", "edits": []}
    engine.items["trace"] = [MESSAGE | evil | {"start_line": "<img src=x>"}]
    text = page("/calls/c1/messages/m1/")[1]
    assert "<script>" not in text
    assert "<img" not in text


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"sent_to": "", "answered": 503, "verdict": "refused: media-ports"}, "the firewall answered 503 itself"),
        ({"applied": False}, "Shadow mode"),
        ({"edits": [], "changes": 0}, "Not one byte was changed."),
    ],
)
def test_message_says_what_became_of_it(page, engine, changed, sentence):
    engine.items["trace"] = [MESSAGE | TEXTS | changed]
    assert sentence in page("/calls/c1/messages/m1/")[1]


def test_capture_and_text_are_downloads(page, engine):
    engine.items["trace"] = [MESSAGE | TEXTS]
    engine.items["call"] = PARTS
    answer, _ = page("/calls/c1/export/", form="pcap")
    assert answer["Content-Disposition"] == 'attachment; filename="call-c1.pcap"'
    assert len(list(dpkt.pcap.Reader(io.BytesIO(answer.content)))) == 2
    assert "192.168.0.10" in page("/calls/c1/export/", form="text")[1]
    assert "192.168.0.10" not in page("/calls/c1/export/", form="text", pseudonyms="1")[1]


def test_call_without_messages_has_no_download(page):
    assert page("/calls/c1/export/", form="pcap")[0].status_code == 404


# --- pinholes ---


def test_page_brings_the_words_for_what_has_closed(page):
    text = page("/calls/pinholes/")[1]
    table = json.loads(text.partition('id="closed-table" type="application/json">')[2].partition("</script>")[0])
    assert table["topic"] == "closed"
    columns = {column["key"]: column for column in table["columns"]}
    assert columns["why"]["words"]["silent"]["label"] == "no packets for too long"
    assert set(columns["why"]["words"]) == set(CLOSED_BECAUSE)
    assert columns["opened_by"]["said_below"] == "{media} {component}, line {line}"
    assert set(columns) <= set(OPENING)


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "instead of {}, which the description named"), ("de", "statt {}, wie"), ("tr", "belirtilen {} yerine")],
)
def test_page_says_of_a_learnt_opening_what_was_named_instead(client, owner, language, said):
    client.force_login(owner)
    page = client.get("/calls/pinholes/", headers={"Accept-Language": language}).content.decode()
    assert page.count(said.format("{peer}")) == 2  # of those that are open, and of those that are closed


def test_pinhole_is_closed_by_its_button_and_only_by_who_may(client, owner, engine):
    engine.items["ledger"] = [OPENING]
    client.force_login(owner)
    assert client.post("/calls/pinholes/77/close/").status_code == 204
    assert engine.requests[-1] == {"op": "close", "pinhole": "77"}
    assert client.post("/calls/pinholes/1/close/").status_code == 204
    assert client.get("/calls/pinholes/77/close/").status_code == 405
    assert "/close/" in client.get("/calls/pinholes/").content.decode()
    client.force_login(person(Role.AUDITOR))
    assert "/close/" not in client.get("/calls/pinholes/").content.decode()
    assert client.post("/calls/pinholes/77/close/").status_code == 403


# --- the history ---


def test_history_says_results_in_words(page):
    busy = {"code": "final-response", "params": {"status": "486", "phrase": "Busy Here"}, "text": ""}
    services.note_ended([ended("c1", verdict=SILENT), ended("c2", state="busy", ending=busy, answered=None)])
    text = page("/calls/history/")[1]
    assert "486 Busy Here (busy)" in text
    assert "No packets from 203.0.113.99:7000" in text
    assert "kept for 30 days" in text
    assert 'data-id="c2"' not in page("/calls/history/", faults="on")[1]
    assert 'data-id="c1"' not in page("/calls/history/", state="busy")[1]


def test_history_without_a_call_says_so(page):
    assert "No call has ended yet." in page("/calls/history/")[1]
    assert "No call fits." in page("/calls/history/", q="x")[1]


def test_nonsense_in_the_address_is_no_fault(page):
    services.note_ended([ended("c1")])
    for asked in ({"state": "x"}, {"days": "-1"}, {"page": "x"}, {"page": "99999"}, {"q": "x" * 300}):
        assert page("/calls/history/", **asked)[0].status_code == 200


def test_a42_table_is_harmless_in_a_spreadsheet(page):
    services.note_ended([ended("c1", from_uri="sip:=HYPERLINK(1)@x", to_uri="sip:+49301@x")])
    answer, text = page("/calls/history/calls.csv")
    assert answer["Content-Type"].startswith("text/csv")
    assert "'=HYPERLINK(1)" in text
    assert "'+49301" in text


def test_settings_are_saved_and_refused_in_words(page, client):
    assert client.post("/calls/history/settings/", {"retention_days": "7", "masking": "last"}).status_code == 302
    assert queries.history_settings().retention_days == 7
    refused = client.post("/calls/history/settings/", {"retention_days": "0", "masking": "last"})
    assert "greater than or equal to 1" in refused.content.decode()
    assert queries.history_settings().retention_days == 7


# --- bans ---

BAN = {"host": "203.0.113.66", "seconds": 3599.0, "packets": 12, "told": False}


def test_bans_say_who_why_and_how_long(page, engine):
    engine.items["bans"] = [BAN, BAN | {"host": "2001:db8::66", "told": True}]
    text = page("/calls/bans/")[1]
    for said in (
        "203.0.113.66",
        "knocked again and again",
        "59:59",
        "said what no provider says",
        "2 hosts are banned",
    ):
        assert said in text
    engine.items["bans"] = []
    assert "Nobody is banned." in page("/calls/bans/")[1]


def test_bans_of_a_silent_engine_say_so(client, owner):
    client.force_login(owner)
    assert "does not answer" in client.get("/calls/bans/").content.decode()


def test_ban_is_lifted_recorded_and_only_by_who_may(client, owner, engine):
    client.force_login(owner)
    assert client.post("/calls/bans/lift/", {"host": "203.0.113.66"}).status_code == 302
    assert engine.requests[-1] == {"op": "unban", "host": "203.0.113.66"}
    assert Entry.objects.filter(verb="unban", target__contains="203.0.113.66").count() == 1
    engine.refusals["unban"] = "not banned"
    answer = client.post("/calls/bans/lift/", {"host": "203.0.113.66"}, follow=True)
    assert "not banned any more" in answer.content.decode()
    client.force_login(person(Role.AUDITOR))
    assert client.post("/calls/bans/lift/", {"host": "203.0.113.66"}).status_code == 403
