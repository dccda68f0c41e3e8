# SPDX-License-Identifier: GPL-2.0-or-later
"""/ws/live/ without Redis: who may enter, what is answered, and that the engine's own socket is enough to go on."""

import asyncio

import pytest
from channels.db import database_sync_to_async
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore

from appliance.sip import consumers
from appliance.sip.consumers import LONGEST_MESSAGE
from tests.live_socket import live

pytestmark = pytest.mark.django_db(transaction=True)

ORIGIN = (b"origin", b"http://127.0.0.1:8000")


@pytest.fixture
def bearer(token):
    return (b"authorization", b"Bearer " + token.encode())


@pytest.fixture
def session(owner):
    store = SessionStore()
    store[SESSION_KEY] = str(owner.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = owner.get_session_auth_hash()
    store.create()
    return store


@pytest.fixture
def cookie(session):
    return (b"cookie", f"sessionid={session.session_key}".encode())


async def test_snapshot_then_numbered_deltas(engine, bearer):
    engine.rows["calls"] = [{"id": "a"}]
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["calls", "health"]})
        first = await socket.receive("calls")
        assert (first["kind"], first["rows"]) == ("snapshot", [{"id": "a"}])
        engine.rows["calls"] = [{"id": "b"}]
        delta = await socket.receive("calls")
        assert (delta["kind"], delta["seq"]) == ("delta", first["seq"] + 1)
        assert delta["ops"] == [{"op": "del", "id": "a"}, {"op": "put", "row": {"id": "b"}}]
        await socket.send({"resync": "calls"})
        again = await socket.receive("calls")
        assert (again["kind"], again["seq"], again["rows"]) == ("snapshot", delta["seq"], [{"id": "b"}])


async def test_hidden_page_is_told_when_it_is_seen_again(engine, bearer):
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["calls"]})
        await socket.receive("calls")
        await socket.send({"hidden": True})
        await socket.send({"resync": "pinholes"})
        await socket.receive("pinholes")  # so that it is known to be hidden
        engine.rows["calls"] = [{"id": "b"}]
        await asyncio.sleep(0)
        await socket.send({"hidden": False})
        told = await socket.receive("calls")
        assert (told.get("rows") or [op["row"] for op in told["ops"]]) == [{"id": "b"}]


async def test_page_learns_that_it_is_delayed_and_that_the_engine_is_down(engine, bearer):
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["calls"]})
        assert (await socket.receive("live"))["state"] == "delayed"
        await asyncio.to_thread(engine.stop)
        assert (await socket.receive("live"))["state"] == "engine_down"


async def test_unknown_topics_and_nonsense_are_answered(engine, bearer):
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["weather"]})
        answer = await socket.receive("weather")
        assert answer["error"].startswith("There is no such topic.")
        for nonsense in ("{", "[]", "1", '{"hello": 1}'):
            await socket.send_text(nonsense)
            assert "error" in await socket.receive(None)


async def test_oversized_message_closes(engine, bearer):
    async with live(bearer) as socket:
        await socket.send_text("x" * (LONGEST_MESSAGE + 1))
        assert await socket.closed() == 1009


async def test_nobody_enters_unknown(db):
    for headers in ([ORIGIN], [ORIGIN, (b"cookie", b"sessionid=made-up")], [(b"authorization", b"Bearer ph_wrong")]):
        async with live(*headers) as socket:
            assert await socket.closed() == 4401


@pytest.mark.parametrize(
    "origin", [b"http://127.0.0.1:8001", b"https://127.0.0.1:8000", b"http://evil.example", b"null", None]
)
async def test_other_origins_are_refused(cookie, origin):
    headers = [cookie] if origin is None else [cookie, (b"origin", origin)]
    async with live(*headers) as socket:
        assert not socket.accepted


async def test_sign_out_closes_the_socket(engine, session, cookie, monkeypatch):
    monkeypatch.setattr(consumers, "IDENTITY_INTERVAL", 0.05)
    async with live(ORIGIN, cookie) as socket:
        await socket.send({"subscribe": ["calls"]})
        assert (await socket.receive("calls"))["rows"] == []
        await database_sync_to_async(session.delete)()
        assert await socket.closed() == 4401
