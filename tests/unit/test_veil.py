# SPDX-License-Identifier: GPL-2.0-or-later
"""Telephone numbers by role: every page, download, operation and live topic, for who may see them and who may not."""

import json

import pytest
from channels.db import database_sync_to_async
from django.utils import timezone

from appliance import veil
from appliance.accounts.models import Grant, MaintenanceWindow
from appliance.accounts.queries import boot_id
from appliance.accounts.services import create_api_token, grant
from appliance.permissions import Role, Scope
from appliance.ruleset import policy
from appliance.ruleset.snapshot import snapshot
from appliance.sip import consumers, services
from appliance.sip.models import CallRecord
from appliance.system.models import Revision, State
from appliance.system.services import note_advice
from tests.live_socket import live
from tests.unit.alg.harness import World, invite, sdp
from tests.unit.people import person
from tests.unit.sip.test_api import CALL
from tests.unit.sip.test_history import ended
from tests.unit.sip.test_queries import REGISTRATION
from tests.unit.test_permissions import OPERATIONS, PAGES, _filled

CALLER, CALLED, LINE, OTHER = "+49301234567", "00441632960961", "4930987654", "021112233445"
NAME, FIRST = "Annelore Mustermann", "annelore.mustermann"
SECRETS = (CALLER, CALLED, LINE, OTHER, "1234567", "Mustermann", "mustermann")
ENDS = {"from_uri": f"sip:{CALLER}@provider.example", "to_uri": f"<sip:{CALLED}@203.0.113.1;user=phone>"}
HEADERS = (
    f"P-Asserted-Identity: <tel:{CALLER}>", f'Diversion: "{NAME}" <sip:{FIRST}@provider.example>;reason=unconditional',
    f"X-Dialled: {OTHER}", f"History-Info: <sip:{CALLED}@x?Reason=SIP>;index=1", f"Subject: {NAME} calls",
    f"Referred-By: <sip:{CALLED}%40provider.example>",
)  # fmt: skip
FOUND = "/palette/?q=" + CALLER[1:8]
DOWNLOADS = ("/calls/c1/export/?form=text", "/calls/c1/export/?form=pcap", "/calls/history/calls.csv")


@pytest.fixture(scope="module")
def trace():
    """A message full of numbers, with the changes that the engine really made."""
    world = World()
    message = invite(body=sdp("192.168.0.10", 14000).replace(b"o=- ", f"o={FIRST} ".encode()))
    message = message.replace(b"sip:101@provider", f"sip:{CALLER}@provider".encode())
    message = message.replace(b"sip:101@192", f"sip:{CALLER}@192".encode()).replace(
        b"sip:200@", f"sip:{CALLED}@".encode()
    )
    message = message.replace(b"From: <", f'From: "{NAME}" <'.encode())
    message = message.replace(b"Contact:", "\r\n".join([*HEADERS, "Contact:"]).encode())
    world.out(message)
    return world.engine.trace(str(world.engine.rows("calls", world.now)[0]["id"]))


@pytest.fixture
def telephony(engine, db, trace):
    call = CALL | ENDS | {"verdict": {"code": "peer-silent", "params": {"peer": "203.0.113.99:7000"}, "text": "…"}}
    engine.rows["calls"] = [call]
    engine.rows["registrations"] = [
        REGISTRATION
        | {"aor": f"sip:{LINE}@tel.example", "contact": f"<sip:{LINE}@192.168.0.10>", "state": "failed"}
        | {"warning": "", "advice": None}
    ]
    parts = [{name: value for name, value in row.items() if name not in ("before", "after", "edits")} for row in trace]
    engine.items["call"] = [call | {"part": "call"}, *[row | {"part": "message"} for row in parts]]
    engine.items["trace"] = [row | {"part": "message"} for row in trace]
    services.note_ended([ended("c1", **ENDS)])
    Revision.objects.create(
        number=3, author="anna", state=State.APPLIED, policy=policy.dump(snapshot("local", 3))
    )  # fmt: skip
    engine.rows["health"] = [engine.health | {"revision": 3, "enabled": True, "calls": 1, "registrations": 1}]
    return engine


def let_in(scope):
    MaintenanceWindow.objects.create(
        started_by="test", reason="no audio", scope=scope, sources=["127.0.0.1"], boot=boot_id(),
        ends=timezone.now() + timezone.timedelta(hours=1),
    )  # fmt: skip


def body(answer):
    return b"".join(answer).decode("utf-8", "replace")


def told(text):
    return sorted({secret for secret in SECRETS if secret in text})


def places(client):
    """By path, what a browser or a program gets there; each page, operation and download that there is."""
    paths = {_filled(path, each).replace("/x/", "/c1/") for path, each in PAGES}
    paths |= {f"/calls/c1/messages/{row}/" for row in ("m1", "1")} | {FOUND, *DOWNLOADS}
    for path, method, _operation in OPERATIONS:
        if method == "GET":
            paths.add(path.replace("{call_id}", "c1").replace("{", "").replace("}", ""))
    return {path: body(client.get(path)) for path in sorted(paths)}


@pytest.mark.django_db
def test_no_page_download_or_operation_tells_a_number_to_whom_it_is_withheld(client, telephony, trace):
    note_advice()
    owner = person(Role.OWNER)
    client.force_login(owner)
    seen = {path for path, text in places(client).items() if told(text)}
    assert {
        "/", "/calls/c1/", f"/calls/c1/messages/{trace[0]['id']}/", "/calls/history/", FOUND,
        "/api/v1/calls", "/api/v1/calls/c1", "/api/v1/calls/c1/messages", "/api/v1/calls/history",
        "/api/v1/registrations", *DOWNLOADS,
    } - seen == set(), "the places where numbers are"  # fmt: skip
    for role in Role:
        if role is Role.OWNER:
            continue
        user = person(role)
        if role is Role.SUPPORT:
            let_in(Scope.CHANGE)
        else:
            grant(actor=owner, role=role, permission="calls.numbers", allowed=False)
        client.force_login(user)
        assert {path: told(text) for path, text in places(client).items() if told(text)} == {}, role


@pytest.mark.django_db
def test_what_each_role_sees_is_the_owners_to_decide(client, telephony):
    for role, whole in (
        (Role.OWNER, True), (Role.ADMINISTRATOR, True), (Role.TECHNICIAN, True), (Role.AUDITOR, False),
    ):  # fmt: skip
        client.force_login(person(role))
        assert bool(told(body(client.get("/api/v1/calls")))) is whole, role
        assert bool(told(body(client.get("/calls/history/")))) is whole, role
    assert "+49301234xxx" in body(client.get("/calls/history/"))
    grant(actor="test", role=Role.AUDITOR, permission="calls.numbers", allowed=True)
    assert told(body(client.get("/calls/history/")))
    assert Grant.objects.count() == 1


@pytest.mark.django_db
def test_a_number_is_not_found_by_whom_it_is_withheld_from(client, telephony):
    for role, count in ((Role.TECHNICIAN, 1), (Role.AUDITOR, 0)):
        client.force_login(person(role))
        for word in ("1234567", "+4930123456"):
            assert client.get(f"/api/v1/calls/history?q={word}").json()["count"] == count
        assert client.get("/api/v1/calls/history?q=192.168.0.10").json()["count"] == 1
        assert client.get("/api/v1/calls/history?q=-192.168.0.10").json()["count"] == 0


@pytest.mark.django_db
def test_a_token_of_a_lesser_role_sees_as_little(client, telephony):
    text = create_api_token(user=person(Role.OWNER), name="screen", role=Role.AUDITOR)[1]
    answer = client.get("/api/v1/calls", headers={"Authorization": f"Bearer {text}"})
    assert answer.json()["items"][0]["from_uri"] == "sip:+49301234xxx@provider.example"


@pytest.mark.django_db
def test_what_is_kept_is_whole(client, telephony):
    client.force_login(person(Role.AUDITOR))
    body(client.get("/calls/history/"))
    record = CallRecord.objects.get()
    assert (record.from_number, record.to_number) == (CALLER, CALLED)


@pytest.mark.django_db(transaction=True)
async def test_live_topics_hide_them_and_show_them_once_that_is_granted(engine, telephony, monkeypatch):
    monkeypatch.setattr(consumers, "IDENTITY_INTERVAL", 0.05)
    user = await database_sync_to_async(person)(Role.AUDITOR)
    text = (await database_sync_to_async(create_api_token)(user=user, name="tests"))[1]
    async with live((b"authorization", f"Bearer {text}".encode())) as socket:
        for topic in ("calls", "registrations"):
            await socket.send({"subscribe": [topic]})
            assert told(json.dumps(await socket.receive(topic))) == []
        engine.rows["calls"] = [engine.rows["calls"][0] | {"state": "completed"}]
        delta = await socket.receive("calls")
        assert (delta["kind"], told(json.dumps(delta))) == ("delta", [])
        await database_sync_to_async(grant)(actor="test", role=Role.AUDITOR, permission="calls.numbers", allowed=True)
        again = await socket.receive("calls")
        assert (again["kind"], again["rows"][0]["from_uri"]) == ("snapshot", ENDS["from_uri"])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("allowed", [True, False])
async def test_one_calls_topic_hides_them(telephony, allowed):
    user = await database_sync_to_async(person)(Role.TECHNICIAN)
    await database_sync_to_async(grant)(
        actor="test", role=Role.TECHNICIAN, permission="calls.numbers", allowed=allowed
    )  # fmt: skip
    text = (await database_sync_to_async(create_api_token)(user=user, name="tests"))[1]
    async with live((b"authorization", f"Bearer {text}".encode())) as socket:
        await socket.send({"subscribe": ["call:c1"]})
        assert bool(told(json.dumps(await socket.receive("call:c1")))) is allowed


def test_a_hidden_message_keeps_every_character_at_its_place(trace):
    assert told(json.dumps(trace)) == sorted({*SECRETS} - {LINE}), "or this shows nothing"
    hidden = veil.rows(trace)
    assert told(json.dumps(hidden)) == []
    for row, before in zip(hidden, trace, strict=True):
        assert [len(row[each]) for each in ("before", "after")] == [len(before[each]) for each in ("before", "after")]
        for edit in row["edits"]:
            assert row["before"][edit["start"] : edit["end"]] == edit["before"]
            assert row["after"][edit["at"] :].startswith(edit["after"])
        for line in ("Via: SIP/2.0/UDP 192.168.0.10:5060;branch=z9hG4bK", "m=audio 14000 RTP/AVP 8 0"):
            assert line in row["before"]
    assert hidden[0]["id"] == trace[0]["id"]


@pytest.mark.parametrize(
    ("whole", "hidden"),
    [
        ("+49301234567", "+49301234xxx"), ("030-123 45", "030-12x xx"), ("12", "xx"), ("101", "xxx"), ("1011", "1xxx"),
        ("anna", "axxx"), ("anna.muster", "axxx.xxxxxx"), ("", ""), ("*21*030123", "*21*030xxx"), ("Ö", "x"),
    ],
)  # fmt: skip
def test_how_a_number_is_hidden(whole, hidden):
    assert veil.number(whole) == hidden


def test_outside_of_a_request_all_is_whole_and_inside_nothing_before_it_is_known_who_asks():
    assert not veil.hides()
    with veil.asked_by(lambda: False):
        assert veil.hides()
        rows = veil.kept(veil.hides() for _ in range(3))
        veil.know(lambda: True)
        assert not veil.hides()
    assert not veil.hides()
    assert list(rows) == [True] * 3, "as it was for the one who asked"
