# SPDX-License-Identifier: GPL-2.0-or-later
"""Effects are done in their order, a pinhole that fails stops what announces it, a fault costs one datagram."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from sipalg_core.alg.changes import Changes
from sipalg_core.alg.effects import Ban, Changed, ClosePinhole, Forward, OpenPinhole
from sipalg_core.contract.control import Op, Pinhole, Reply, Status, pack_reply
from sipalg_core.contract.names import broker_socket
from sipalg_core.contract.policy import EMPTY, dump
from sipalg_core.io.runner import Runner, ended
from sipalg_core.net import Datagram, Endpoint, Flow, Side, Transport
from tests.unit.io.listening import listening

PEER = Endpoint("127.0.0.1", 5060)
HOLE = Pinhole(7, PEER, PEER, PEER, 60)
FORWARD = Forward(b"INVITE", Transport.UDP, Side.EXTERNAL, PEER, PEER)
INVITE = Datagram(b"INVITE", Flow(Transport.UDP, Side.INTERNAL, PEER, PEER))


class Engine:
    """What the shell asks of an engine; does what the test says."""

    def __init__(self):
        self.counts = Counter()
        self.effects = []
        self.failed = []
        self.ticks = []
        self.deadline = None
        self.state = SimpleNamespace(changes=Changes(), endpoints=list)

    def receive(self, datagram, now):
        if self.effects is None:
            raise IndexError("a message nobody thought of")
        return self.effects

    def pinhole_failed(self, pinhole, status, detail, now):
        self.failed.append((pinhole, status, detail))
        return [Changed("calls", "refused")]

    def next_deadline(self):
        return self.deadline

    def tick(self, now):
        self.ticks.append(now)
        self.deadline = None
        return []

    def row(self, topic, ident, now):
        return None

    def reconcile(self, counters, now):
        return []

    def side_of(self, source, destination):
        return Side.INTERNAL

    def export(self):
        return {"calls": []}

    def set_policy(self, policy, now):
        return []


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
async def runner(engine, monkeypatch, run_dir):
    made = Runner(engine, EMPTY)
    made.order = []
    monkeypatch.setattr(made._udp, "send", made.order.append)
    yield made
    made._broker.disconnect()
    await made._publisher.close()


def answering(status: Status, order: list):
    def answer(peer: socket.socket, request) -> None:
        order.append((request.op, request.pinhole.id))
        peer.send(pack_reply(Reply(request.serial, status, 3)))

    return listening(broker_socket(), answer)


async def test_a_pinhole_is_open_before_what_announces_it_is_sent(engine, runner):
    engine.effects = [OpenPinhole(HOLE), FORWARD, ClosePinhole(HOLE), Changed("calls", "a")]
    with answering(Status.OK, runner.order):
        runner._take(INVITE)
        runner._broker.disconnect()
    assert runner.order == [(Op.OPEN, 7), FORWARD, (Op.CLOSE, 7)]
    assert [delta["topic"] for delta in runner._publisher.deltas()] == ["calls"]


@pytest.mark.parametrize("status", [Status.REFUSED, Status.FULL, Status.FAILED])
async def test_a_pinhole_that_fails_stops_what_announces_it_and_tells_the_engine(engine, runner, status):
    engine.effects = [OpenPinhole(HOLE), FORWARD, OpenPinhole(HOLE), Ban("192.0.2.1", 1), Changed("calls", "a")]
    with answering(status, runner.order):
        runner._take(INVITE)
        runner._broker.disconnect()
    assert runner.order == [(Op.OPEN, 7)]
    assert engine.failed == [(HOLE, status, 3)]
    (delta,) = runner._publisher.deltas()
    assert delta["ops"] == [{"op": "del", "id": "refused"}, {"op": "del", "id": "a"}]


async def test_what_was_to_close_closes_also_where_a_pinhole_fails(engine, runner):
    """It is nobody's any longer: left open it would be for as long as media passes."""
    engine.effects = [OpenPinhole(HOLE), FORWARD, ClosePinhole(HOLE._replace(id=8))]
    with answering(Status.REFUSED, runner.order):
        runner._take(INVITE)
        runner._broker.disconnect()
    assert runner.order == [(Op.OPEN, 7), (Op.CLOSE, 8)]


async def test_what_is_to_make_room_for_a_pinhole_that_fails_stays_open(engine, runner):
    engine.effects = [OpenPinhole(HOLE), FORWARD, ClosePinhole(HOLE._replace(id=8), makes_room=True)]
    with answering(Status.FAILED, runner.order):
        runner._take(INVITE)
        runner._broker.disconnect()
    assert runner.order == [(Op.OPEN, 7)]
    with answering(Status.OK, runner.order):
        runner._take(INVITE)
        runner._broker.disconnect()
    assert runner.order[1:] == [(Op.OPEN, 7), FORWARD, (Op.CLOSE, 8)]


async def test_what_no_message_asks_for_is_opened_each_by_itself(engine, runner, monkeypatch):
    """Of many calls that are renewed at one time the broker refuses one, whose rule is gone; the others are renewed."""
    holes = [HOLE._replace(id=ident) for ident in (7, 8, 9)]
    monkeypatch.setattr(engine, "tick", lambda now: [*map(OpenPinhole, holes), Ban("192.0.2.1", 1)])

    def answer(peer: socket.socket, request) -> None:
        asked = [each.id for each in request.pinholes]
        runner.order.append((request.op, *asked))
        refused = 8 in asked
        status, place = (Status.REFUSED, asked.index(8)) if refused else (Status.OK, 0)
        peer.send(pack_reply(Reply(request.serial, status, 2 * refused, place)))

    with listening(broker_socket(), answer):
        runner._drive("tick", engine.tick)
        runner._broker.disconnect()
    assert runner.order == [(Op.OPEN, 7, 8, 9), (Op.OPEN, 7), (Op.OPEN, 8), (Op.OPEN, 9), (Op.BAN, 0)]
    assert engine.failed == [(holes[1], Status.REFUSED, 2)]


async def test_of_what_no_message_asks_for_the_engine_hears_all_that_a_broker_did_not_take(engine, runner, monkeypatch):
    holes = [HOLE._replace(id=ident) for ident in (7, 8)]
    monkeypatch.setattr(engine, "tick", lambda now: map(OpenPinhole, holes))
    runner._drive("tick", engine.tick)
    assert [(hole, status) for hole, status, _ in engine.failed] == [(each, Status.FAILED) for each in holes]


async def test_without_a_broker_no_message_announces_a_pinhole(engine, runner):
    engine.effects = [OpenPinhole(HOLE), FORWARD]
    runner._take(INVITE)
    assert runner.order == []
    assert engine.failed[0][1] is Status.FAILED


async def test_a_fault_of_the_engine_costs_one_datagram(engine, runner):
    engine.effects = None
    runner._take(INVITE)
    engine.effects = [FORWARD]
    runner._take(INVITE)
    assert engine.counts == {"error:IndexError": 1}
    assert runner.order == [FORWARD]


async def test_the_engine_is_woken_at_its_deadline_and_not_before(engine, runner):
    engine.deadline = time.monotonic() + 60
    runner._schedule()
    engine.deadline = due = time.monotonic() + 0.05
    runner._schedule()
    async with asyncio.timeout(20):  # not the minute of before
        while not engine.ticks:
            await asyncio.sleep(0.01)
    assert len(engine.ticks) == 1
    assert due <= engine.ticks[0]


async def test_a_policy_that_cannot_be_is_refused_in_words(runner, run_dir):
    (run_dir / "policy.json").write_text("{}")
    answer = await runner._control.answer(b'{"op": "reload"}\n')
    assert answer == {"error": "policy refused, revision 0 stays: revision: Field required"}


async def test_a_reload_reaches_broker_and_engine(runner, run_dir):
    (run_dir / "policy.json").write_bytes(dump(replace(EMPTY, revision=9)))
    with answering(Status.OK, runner.order):
        assert await runner._control.answer(b'{"op": "reload"}\n') == {"ok": True, "revision": 9, "broker": "OK"}
        runner._patient_broker.disconnect()
    assert runner.order == [(Op.RELOAD, 0)]
    assert await runner._control.answer(b'{"op": "ping"}\n') == {"ok": True, "revision": 9, "broker": False}


async def test_task_that_loses_a_cancellation_is_told_again():
    """redis-py loses one where an answer comes at the same moment: an engine did not end that was told to."""
    heard = []

    async def deaf():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                heard.append(time.monotonic())
                if len(heard) == 2:
                    raise

    task = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await asyncio.wait_for(ended(task), 30)
    assert task.cancelled()
    assert len(heard) == 2
