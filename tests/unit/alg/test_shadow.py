# SPDX-License-Identifier: GPL-2.0-or-later
"""Shadow mode: everything is decided and shown, nothing is changed, opened or refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sipalg_core.alg.effects import ClosePinhole, OpenPinhole
from sipalg_core.contract.policy import AlgPolicy, Handling, Limits, PortRange
from sipalg_core.net import Endpoint
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OURS,
    PHONE,
    World,
    established,
    incoming,
    invite,
    policy,
    respond,
    sdp,
)


def shadowed(*, shadow: bool = True, **changes: object) -> AlgPolicy:
    made = policy(**changes)
    return replace(made, peerings=(replace(made.peerings[0], shadow=shadow),))


def call_in_shadow(world: World) -> None:
    request = invite(body=sdp(PHONE.host, 14000))
    (sent,) = world.out(request)
    assert sent.data == request
    (back,) = world.into(respond(request, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert back.destination == PHONE
    world.out(invite(method="ACK", to_tag="b", branch="call-1-ack"))


def test_message_leaves_as_plain_nat_would_send_it():
    world = World(shadowed())
    request = invite(body=sdp(PHONE.host, 14000))
    (sent,) = world.out(request + b"trailing")
    assert (sent.data, sent.source) == (request + b"trailing", Endpoint(OURS, 5060))
    assert world.engine.counts["shadow:messages"] == world.engine.counts["shadow:would-change"] == 1


def test_would_be_pinholes_are_shown_and_never_asked_for():
    world = World(shadowed())
    call_in_shadow(world)
    rows = world.engine.rows("pinholes", world.now)
    assert {row["internal"] for row in rows} == {f"{PHONE.host}:14000", f"{PHONE.host}:14001"}
    assert all(row["shadow"] and row["mapped"].startswith(OURS) for row in rows)
    assert world.call()["shadow"] is True
    world.wait(300)  # nobody counts what passes beside us
    assert len(world.engine.rows("pinholes", world.now)) == 2
    world.out(invite(cseq=2, method="BYE", to_tag="b"))
    world.wait(6)
    assert world.engine.rows("pinholes", world.now) == []
    assert not any(isinstance(effect, OpenPinhole | ClosePinhole) for effect in world.done)


def test_trace_lists_what_would_differ():
    world = World(shadowed())
    call_in_shadow(world)
    first = world.engine.trace(str(world.call()["id"]))[0]
    assert (first["applied"], first["verdict"]) == (False, "shadow: passed as it came")
    assert PHONE.host in first["before"]
    assert PHONE.host not in first["after"]
    assert {edit["reason"] for edit in first["edits"]} >= {"the party's media address and ours"}


def test_what_would_be_refused_goes_on_and_is_counted():
    world = World(shadowed(handling=Handling(blocked_methods=("MESSAGE",))))
    (sent,) = world.out(invite(method="MESSAGE"))
    assert sent.data == invite(method="MESSAGE")
    assert world.engine.counts["shadow:method-blocked"] == 1
    wrong = invite().replace(b"CSeq: 1 INVITE", b"CSeq: 99999999999 INVITE")
    assert world.out(wrong)[0].data == wrong
    assert world.engine.counts["shadow:cseq"] == 1


BYE_BLOCKED = Handling(blocked_methods=("BYE",))


def test_call_whose_end_would_be_refused_ends_as_it_does_beside_us():
    world = World(shadowed(handling=BYE_BLOCKED))
    call_in_shadow(world)
    ident = str(world.call()["id"])
    bye = invite(cseq=2, method="BYE", to_tag="b")
    assert world.out(bye)[0].data == bye
    assert world.call()["state"] == "completed"
    assert world.engine.trace(ident)[-1]["verdict"] == "shadow: would be refused: method-blocked"
    assert world.engine.counts["shadow:method-blocked"] == 1
    world.wait(60)
    assert world.engine.rows("calls", world.now) == world.engine.rows("pinholes", world.now) == []


def test_call_that_would_be_refused_begins_none():
    world = World(shadowed(handling=Handling(blocked_methods=("INVITE",))))
    call = invite(body=sdp(PHONE.host, 14000))
    assert world.out(call)[0].data == call
    assert world.engine.rows("calls", world.now) == []


def test_what_is_blocked_is_so_for_the_call_that_it_is_of():
    """One began before shadow mode, the other in it; both keep to that."""
    world = World(shadowed(shadow=False, handling=BYE_BLOCKED))
    established(world)
    world.policy(shadowed(revision=2, handling=BYE_BLOCKED))
    (back,) = world.out(invite(cseq=2, method="BYE", to_tag="b"))
    assert back.data.startswith(b"SIP/2.0 405 ")
    assert world.call()["state"] == "in_call"

    world = World(shadowed(handling=BYE_BLOCKED))
    call_in_shadow(world)
    world.policy(shadowed(shadow=False, revision=2, handling=BYE_BLOCKED))
    bye = invite(cseq=2, method="BYE", to_tag="b")
    assert world.out(bye)[0].data == bye
    assert world.call()["state"] == "completed"


@pytest.mark.parametrize("changes", [{"limits": Limits(media_lines=1)}, {"media_ports": PortRange(20000, 20001)}])
def test_answer_that_would_be_refused_puts_its_call_up_and_its_time_runs(changes):
    """It lasts as it does beside us: it had been over in the books after the time that a call may ring."""
    world = World(shadowed(**changes))
    world.register()
    (sent,) = world.into(incoming(body=sdp(*MEDIA_PROXY)))
    world.out(respond(sent.data, 180, "Ringing", tag="a"))
    answer = sdp(PHONE.host, 14000, "m=video 14002 RTP/AVP 31")
    reply = respond(sent.data, 200, "OK", tag="a", body=answer)
    assert world.out(reply)[0].data == reply
    world.into(incoming(method="ACK", to_tag="a", branch="ack"))
    world.wait(3600)
    assert world.call()["state"] == "in_call"
    assert any(key.startswith("shadow:") and "would" not in key for key in world.engine.counts)
    world.into(incoming(cseq=2, method="BYE", to_tag="a"))
    assert world.call()["state"] == "completed"


def test_call_stays_what_it_began_as_when_shadow_mode_is_switched():
    world = World(shadowed(shadow=False))
    established(world)
    before = world.holes()
    world.policy(shadowed(revision=2))
    assert world.holes() == before
    (again,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000)))
    assert PHONE.host.encode() not in again.data
    (fresh,) = world.out(invite("new", body=sdp(PHONE.host, 15000)))
    assert PHONE.host.encode() in fresh.data
    world.policy(shadowed(shadow=False, revision=3))
    world.into(respond(invite("new"), 200, "OK", tag="c", body=sdp(*MEDIA_PROXY)))
    assert world.holes() == before


def test_restored_shadow_call_opens_nothing():
    world = World(shadowed())
    call_in_shadow(world)
    again = World(shadowed())
    assert again.engine.state.restore(json.loads(json.dumps(world.engine.state.export())), again.now) == 0
    assert again.engine.reconcile([], again.now) == []
    assert len(again.engine.rows("pinholes", again.now)) == 2


def test_nothing_counts_as_altered():
    world = World(shadowed())
    call_in_shadow(world)
    (peer,) = world.engine.rows("health", world.now)[0]["peers"]
    assert (peer["altered"], peer["shadow"]) == (0, True)
    assert peer["messages"] == 3
