# SPDX-License-Identifier: GPL-2.0-or-later
"""State survives: an engine that takes over another's export behaves like the original."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipalg_core.alg.effects import OpenPinhole
from sipalg_core.alg.engine import Engine
from sipalg_core.alg.state import StateError
from sipalg_core.contract.policy import Handling
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    PHONE,
    World,
    body_of,
    established,
    header,
    incoming,
    invite,
    policy,
    respond,
    ringing,
    sdp,
)

SHIFT = 5000.0
"""The second engine's monotonic clock stands elsewhere, as after a restart of the machine."""


def take_over(world: World) -> World:
    """Another world with an engine of its own, which goes on from the first's export."""
    heir = World(world.engine._policy)
    heir.engine = Engine(world.engine._policy, random=Random(0), wall=1_700_000_000.0 - SHIFT)
    heir.now = world.now + SHIFT
    exported = json.loads(json.dumps(world.engine.export(), allow_nan=False))
    heir._do(heir.engine.restore(exported, heir.now))
    heir.engine._random.setstate(world.engine._random.getstate())
    for part in (heir.engine._mappings, heir.engine._dialogs.negotiation.pool, heir.engine._dialogs.negotiation.ledger):
        part._random = heir.engine._random
    return heir


def seen(world: World) -> list[dict[str, object]]:
    """What people see, without what a restart may change; a topic's rows have ids and no order."""
    topics = ("calls", "pinholes", "registrations")
    rows = [dict(row) for topic in topics for row in sorted(world.engine.rows(topic, world.now), key=_id)]
    return [
        {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items() if key != "expires"}
        for row in rows
    ]


def _id(row: Mapping[str, object]) -> str:
    return str(row["id"])


STEPS: dict[str, Callable[[World], object]] = {
    "register": lambda world: world.registered(),
    "call": lambda world: world.out(invite(body=sdp(PHONE.host, 14000))),
    "ring": lambda world: world.into(answer(world, 180)),
    "early": lambda world: world.into(answer(world, 183, tag="c", body=sdp("203.0.113.98", 6000))),
    "answer": lambda world: world.into(answer(world, 200, body=sdp(*MEDIA_PROXY))),
    "ack": lambda world: world.out(invite(method="ACK", to_tag="b", branch="ack")),
    "hold": lambda world: world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000, "a=sendonly"))),
    "held": lambda world: world.into(answer(world, 200, cseq=2, body=sdp(*MEDIA_PROXY, "a=recvonly"))),
    "busy": lambda world: world.into(answer(world, 486)),
    "cancel": lambda world: world.out(invite(method="CANCEL", branch="call-1-1-INVITE")),
    "bye": lambda world: world.out(invite(cseq=3, method="BYE", to_tag="b")),
    "incoming": lambda world: world.into(incoming(body=sdp(*MEDIA_PROXY))),
    "wait": lambda world: world.wait(3),
    "wait long": lambda world: world.wait(100),
}


def answer(world: World, status: int, *, tag: str = "b", cseq: int = 1, body: bytes = b"") -> bytes:
    """The provider's response, as it would look for the engine's mapping of the phone."""
    request = invite(cseq=cseq, to_tag=tag if cseq > 1 else "").replace(b"192.168.0.10", b"203.0.113.2")
    return respond(request, status, "x", tag=tag, body=body)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=12), st.lists(st.sampled_from(sorted(STEPS)), max_size=8))
def test_engine_that_takes_over_behaves_like_the_original(before, after):
    world = World(policy(handling=Handling(hide_call_ids=False)))
    for name in before:
        STEPS[name](world)
    heir = take_over(world)
    assert seen(heir) == seen(world)
    assert heir.holes() == world.holes()
    for name in after:
        STEPS[name](world)
        STEPS[name](heir)
        sent = [effect for effect in world.effects if hasattr(effect, "data")]
        assert [effect for effect in heir.effects if hasattr(effect, "data")] == sent
        assert [row["state"] for row in heir.engine.rows("calls", heir.now)] == [
            row["state"] for row in world.engine.rows("calls", world.now)
        ]


def test_call_goes_on_and_its_pinholes_are_renewed():
    world = World()
    established(world)
    heir = take_over(world)
    assert [type(effect) for effect in heir.effects] == [OpenPinhole, OpenPinhole]
    assert {hole.id for hole in heir.open.values()} == {hole.id for hole in world.open.values()}
    heir.out(invite(cseq=2, method="BYE", to_tag="b"))
    heir.wait(6)
    assert heir.open == {}


def test_phone_is_reached_and_a_ringing_call_can_be_answered():
    world = World()
    request = ringing(world)
    heir = take_over(world)
    (sent,) = heir.out(respond(request, 200, "OK", tag="p", body=sdp(PHONE.host, 14000)))
    assert b"c=IN IP4 203.0.113.2" in body_of(sent.data)
    assert len(heir.open) == 2
    assert heir.into(incoming("another"))[0].destination == PHONE


def test_hidden_call_ids_survive():
    world = World(policy(handling=Handling(hide_call_ids=True)))
    sent, _ = established(world)
    heir = take_over(world)
    (bye,) = heir.out(invite(cseq=2, method="BYE", to_tag="b"))
    assert header(bye.data, "Call-ID") == header(sent, "Call-ID") != "call-1"


def test_call_of_a_rule_that_is_gone_is_not_taken_over_and_its_ports_are_free():
    world = World()
    established(world)
    exported = json.loads(json.dumps(world.engine.export()))
    heir = Engine(policy(peerings=()), random=Random(0), wall=0.0)
    assert heir.restore(exported, 0.0) == []
    assert heir.rows("calls", 0.0) == []
    assert len(heir._dialogs.negotiation.pool) == 0


@pytest.mark.parametrize(
    "wrong", [{}, {"version": 2}, {"version": 1}, {"version": 1, "mappings": 3}, {"version": 1, "mappings": [[1]]}]
)
def test_what_is_no_state_is_refused(wrong):
    with pytest.raises(StateError):
        World().engine.restore(wrong, 0.0)
