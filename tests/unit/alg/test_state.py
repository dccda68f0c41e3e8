# SPDX-License-Identifier: GPL-2.0-or-later
"""State survives: an engine that takes over another's export behaves like the original."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sipalg_core.alg.changes import Name
from sipalg_core.alg.effects import Changed, ClosePinhole, Effect, Forward, OpenPinhole
from sipalg_core.alg.engine import Engine
from sipalg_core.alg.mappings import IDLE
from sipalg_core.contract.control import Counter
from sipalg_core.contract.policy import AlgPolicy, Handling, Limits
from sipalg_core.net import Endpoint
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


class Kept(World):
    """A world that writes down after every input what has changed."""

    def __init__(self, engine_policy: AlgPolicy | None = None) -> None:
        self.journal: list[object] = []
        super().__init__(engine_policy)

    def _do(self, effects: Iterable[Effect], *, together: bool = False) -> list[Forward]:
        self.journal += self.written(self.engine.state.changes.take(1000))
        return super()._do(effects, together=together)

    def written(self, names: list[Name]) -> list[object]:
        """Their records as they are read again from a file."""
        return [json.loads(json.dumps(record)) for record in self.engine.state.records(names)]


def take_over(world: Kept, records: list[object]) -> Kept:
    """Another world with an engine of its own, which goes on from what the first wrote down."""
    heir = Kept(world.engine._policy)
    heir.engine = Engine(world.engine._policy, random=Random(0), wall=1_700_000_000.0)
    heir.now = world.now
    assert heir.engine.state.restore(records, heir.now) == 0
    heir.open = dict(world.open)  # the kernel's
    heir._do(heir.engine.reconcile([Counter(ident, 0, 0) for ident in heir.open], heir.now))
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
@given(
    st.lists(st.sampled_from(sorted(STEPS)), max_size=12),
    st.lists(st.sampled_from(sorted(STEPS)), max_size=8),
    st.booleans(),
)
def test_engine_that_takes_over_behaves_like_the_original(before, after, compacted):
    world = Kept()
    for name in before:
        STEPS[name](world)
    heir = take_over(world, world.written(world.engine.state.names()) if compacted else world.journal)
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


def in_call(**handling: bool) -> Kept:
    world = Kept(policy(handling=Handling(**handling)))
    established(world)
    return world


def test_call_goes_on_with_the_pinholes_that_stand_in_the_kernel():
    world = in_call()
    heir = take_over(world, world.journal)
    assert heir.effects == []
    assert heir.engine.rows("pinholes", heir.now) != []
    heir.out(invite(cseq=2, method="BYE", to_tag="b"))
    heir.wait(6)
    assert heir.open == {}


def restored(world: Kept, *standing: int) -> list[Effect]:
    """What a new engine wants that finds these pinholes in the kernel."""
    engine = Engine(policy(), random=Random(0), wall=1_700_000_000.0)
    assert engine.state.restore(world.journal, world.now) == 0
    return engine.reconcile([Counter(ident, 0, 0) for ident in standing], world.now)


def test_pinhole_that_no_call_claims_is_closed():
    world = in_call()
    (effect,) = restored(world, *world.open, 99)
    assert isinstance(effect, ClosePinhole)
    assert effect.pinhole.id == 99


def test_pinhole_that_the_kernel_ended_meanwhile_is_noticed_and_the_call_stays():
    world = in_call()
    rtp, rtcp = world.open
    world.now += world.open[rtp].lifetime
    closed, *changed = restored(world, rtcp)
    assert closed == ClosePinhole(world.open[rtp])
    assert Changed("calls", str(world.call()["id"])) in changed


def test_pinholes_are_opened_again_where_the_kernel_lost_all_or_silence_means_nothing():
    world = in_call()
    assert restored(world) == [OpenPinhole(hole) for hole in world.open.values()]
    STEPS["hold"](world)
    STEPS["held"](world)
    rtp, rtcp = world.open
    assert restored(world, rtcp) == [OpenPinhole(world.open[rtp])]


def test_pinhole_too_young_to_have_ended_is_opened_again():
    """The engine before died between its note of the pinhole and the broker's answer."""
    world = in_call()
    rtp, rtcp = world.open
    world.now += world.open[rtp].lifetime - 1
    assert restored(world, rtcp) == [OpenPinhole(world.open[rtp])]


def test_phone_is_reached_and_a_ringing_call_can_be_answered():
    world = Kept()
    request = ringing(world)
    heir = take_over(world, world.journal)
    (sent,) = heir.out(respond(request, 200, "OK", tag="p", body=sdp(PHONE.host, 14000)))
    assert b"c=IN IP4 203.0.113.2" in body_of(sent.data)
    assert len(heir.open) == 2
    assert heir.into(incoming("another"))[0].destination == PHONE


def test_way_in_that_may_have_been_used_unseen_is_nobody_elses():
    world = Kept()
    world.registered()
    world.now += IDLE + 1
    heir = take_over(world, world.journal)
    for number in range(12):
        heir.out(invite(f"o-{number}", method="OPTIONS"), source=Endpoint("192.168.0.12", 7000 + number))
    assert heir.into(incoming())[0].destination == PHONE


def test_hidden_call_ids_survive():
    world = Kept(policy(handling=Handling(hide_call_ids=True)))
    sent, _ = established(world)
    heir = take_over(world, world.journal)
    (bye,) = heir.out(invite(cseq=2, method="BYE", to_tag="b"))
    assert header(bye.data, "Call-ID") == header(sent, "Call-ID") != "call-1"


def test_refused_request_is_refused_again():
    world = Kept(policy(limits=Limits(media_lines=1)))
    twice = invite(body=sdp(PHONE.host, 14000, "m=audio 14002 RTP/AVP 8"))
    (refusal,) = world.out(twice)
    (again,) = take_over(world, world.journal).out(twice)
    assert again.data.partition(b"\r\n")[0] == refusal.data.partition(b"\r\n")[0] == b"SIP/2.0 488 Not Acceptable Here"


def test_call_of_a_rule_that_is_gone_is_not_taken_over():
    world = in_call()
    heir = Engine(policy(peerings=()), random=Random(0), wall=0.0)
    assert heir.state.restore(world.journal, 0.0) == 0
    assert heir.rows("calls", 0.0) == []
    assert len(heir._dialogs.negotiation.pool) == 0


@pytest.mark.parametrize(
    "wrong",
    [None, 7, "x", [], ["call"], ["call", "c1", [1]], ["call", "c1", 5], ["nothing", "x", []], ["call", {}, []],
     ["mapping", "x", [["a", 1], 3, 4, 5]], ["transaction", "x", [["sideways", "", ""], "", 0, 0]]],
)  # fmt: skip
def test_what_is_no_record_is_left_out_and_counted(wrong):
    world = in_call()
    heir = Engine(policy(), random=Random(0), wall=1_700_000_000.0)
    assert heir.state.restore([*world.journal, wrong], world.now) == 1
    assert len(heir.rows("calls", world.now)) == 1


def test_call_that_has_just_ended_is_told_again_to_who_writes_the_history():
    world = Kept()
    established(world)
    world.out(invite(cseq=2, to_tag="b", method="BYE"))
    world.wait(6)
    (ended,) = world.engine.looks.ended(0)
    (again,) = take_over(world, world.journal).engine.looks.ended(0)
    assert (again["call"]["id"], again["call"]["reason"]) == (ended["call"]["id"], "hung up by the phone")
