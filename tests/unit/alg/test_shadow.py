# SPDX-License-Identifier: GPL-2.0-or-later
"""Shadow mode: everything is decided and shown, nothing is changed, opened or refused."""

from __future__ import annotations

import json
from dataclasses import replace

from sipalg_core.alg.effects import ClosePinhole, OpenPinhole
from sipalg_core.contract.policy import AlgPolicy, Handling
from sipalg_core.net import Endpoint
from tests.unit.alg.harness import MEDIA_PROXY, OURS, PHONE, World, established, invite, policy, respond, sdp


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
