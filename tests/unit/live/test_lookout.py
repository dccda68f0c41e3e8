# SPDX-License-Identifier: GPL-2.0-or-later
"""`call:<id>` exists while somebody looks: snapshot + deltas == snapshot, and nobody asks the engine afterwards."""

import asyncio

import pytest

from appliance.live import lookout
from appliance.live.hub import hub
from appliance.live.lookout import ASKED, is_call_topic
from tests.live_socket import live

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def bearer(token):
    return (b"authorization", b"Bearer " + token.encode())


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(lookout, "LOOK_INTERVAL", 0.05)


def part(ident, **more):
    return {"part": "message", "id": ident} | more


def put(rows, ops):
    for op in ops:
        if op["op"] == "put":
            rows[op["row"]["id"]] = op["row"]
        else:
            del rows[op["id"]]


async def test_snapshot_and_deltas_make_the_next_snapshot(engine, bearer):
    engine.items["call"] = [part("c1", packets=1), part("m1")]
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["call:c1"]})
        first = await socket.receive("call:c1")
        assert (first["kind"], first["rows"]) == ("snapshot", engine.items["call"])
        rows, seq = {row["id"]: row for row in first["rows"]}, first["seq"]
        for items in ([part("c1", packets=2), part("m1"), part("m2")], [part("c1", packets=2), part("m2")]):
            engine.items["call"] = items
            delta = await socket.receive("call:c1")
            assert (delta["kind"], delta["seq"]) == ("delta", seq + 1)
            seq = delta["seq"]
            put(rows, delta["ops"])
        await socket.send({"resync": "call:c1"})
        again = await socket.receive("call:c1")
        assert again["seq"] == seq
        assert {row["id"]: row for row in again["rows"]} == rows == {row["id"]: row for row in engine.items["call"]}


async def test_two_viewers_share_one_look(engine, bearer):
    engine.items["call"] = [part("c1")]
    async with live(bearer) as one, live(bearer) as other:
        for socket in (one, other):
            await socket.send({"subscribe": ["call:c1"]})
            assert (await socket.receive("call:c1"))["rows"] == [part("c1")]
        engine.items["call"] = [part("c1", packets=5)]
        deltas = [await socket.receive("call:c1") for socket in (one, other)]
        assert deltas[0] == deltas[1]


@pytest.mark.parametrize("topic", ASKED)
async def test_counts_and_transactions_are_told_while_somebody_looks(engine, bearer, topic):
    engine.items[topic] = [part("internal INVITE 0", messages=1)]
    async with live(bearer) as socket:
        await socket.send({"subscribe": [topic]})
        assert (await socket.receive(topic))["rows"] == engine.items[topic]
        engine.items[topic] = [part("internal INVITE 0", messages=2)]
        assert (await socket.receive(topic))["ops"] == [{"op": "put", "row": engine.items[topic][0]}]
        engine.items[topic] = []
        assert (await socket.receive(topic))["ops"] == [{"op": "del", "id": "internal INVITE 0"}]
    assert hub._lookout.feeds == {}


async def test_nobody_looks_any_more(engine, bearer):
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["call:c1"]})
        await socket.receive("call:c1")
    async with asyncio.timeout(20):
        while hub._lookout.feeds:
            await asyncio.sleep(0.01)
    engine.requests.clear()
    await asyncio.sleep(0.3)
    assert [request for request in engine.requests if request["op"] == "call"] == []
    assert hub._lookout.feeds == {}


async def test_forgotten_call_stays_as_it_was_seen_last(engine, bearer):
    engine.items["call"] = [part("c1")]
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["call:c1"]})
        await socket.receive("call:c1")
        engine.items["call"] = []
        await asyncio.sleep(0.3)
        await socket.send({"resync": "call:c1"})
        assert (await socket.receive("call:c1"))["rows"] == [part("c1")]


async def test_too_many_looks_are_refused_in_words(engine, bearer, monkeypatch):
    monkeypatch.setattr(lookout, "MOST_LOOKED_AT", 1)
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["call:c1"]})
        assert "rows" in await socket.receive("call:c1")
        await socket.send({"subscribe": ["call:c2"]})
        assert (await socket.receive("call:c2"))["error"].startswith("Too many calls")


@pytest.mark.parametrize("topic", ["call:", "call", "calls", "call:a b", "call:é", "call:" + "x" * 65, "call:a;b"])
def test_what_is_no_call_topic(topic):
    assert not is_call_topic(topic)


def test_what_is_one():
    assert is_call_topic("call:c3f9a-17")
