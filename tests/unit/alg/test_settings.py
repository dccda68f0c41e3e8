# SPDX-License-Identifier: GPL-2.0-or-later
"""Settings of the policy: each does what it says, for all peerings or for one, at once, and drops no call."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from sipalg_core.contract.policy import AlgPolicy, Handling, Limits, MethodRate, PortRange, SyntaxCheck, Timers
from sipalg_core.net import Endpoint
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    PHONE,
    World,
    announced,
    established,
    incoming,
    invite,
    policy,
    respond,
    sdp,
)


def test_defaults_are_those_of_the_reference():
    timers = Timers()
    assert (timers.inactive_media, timers.maximum_call, timers.t1, timers.t4) == (120, 43_200, 0.5, 5)
    assert (timers.timer_c, timers.provisional_invite, timers.teardown, timers.retry_denial) == (180, 210, 5, 5)
    handling = Handling()
    assert (handling.hide_call_ids, handling.hold_keeps_ports, handling.unknown_methods) == (False, True, "pass")
    assert (handling.dscp_media, handling.dscp_signalling, handling.engine_down) == (46, None, "drop")


@pytest.mark.parametrize(
    ("group", "field", "low", "high"),
    [
        (Timers, "inactive_media", 10, 2550),
        (Timers, "maximum_call", 0, 432_000),
        (Timers, "t1", 0.5, 5),
        (Timers, "t4", 5, 10),
        (Timers, "timer_c", 180, 600),
        (Timers, "retry_denial", 0, 3600),
        (Handling, "dscp_media", 0, 63),
        (Limits, "line", 78, 8192),
    ],
)
def test_ranges_hold(group, field, low, high):
    assert getattr(group(**{field: low}), field) == low
    assert getattr(group(**{field: high}), field) == high
    for beyond in (low - 1, high + 1):
        with pytest.raises(ValidationError):
            group(**{field: beyond})


def of_peering(**groups: object) -> AlgPolicy:
    changed = policy()
    return replace(changed, peerings=(replace(changed.peerings[0], **groups),))  # type: ignore[arg-type]  # by the test


@pytest.mark.parametrize(
    "make", [lambda handling: policy(handling=handling), lambda handling: of_peering(handling=handling)]
)
def test_blocked_method_is_answered_405(make):
    world = World(make(Handling(blocked_methods=("MESSAGE", "PUBLISH"))))
    (back,) = world.out(invite(method="MESSAGE"))
    assert back.data.startswith(b"SIP/2.0 405 ")
    assert world.out(invite("other", method="OPTIONS"))[0].data.startswith(b"OPTIONS ")
    assert world.engine.counts["answered:method-blocked"] == 1


def test_unknown_method_passes_translated_or_is_dropped():
    world = World()
    assert b"<sip:101@203.0.113.2:5060>" in world.out(invite(method="FLY"))[0].data
    world = World(policy(handling=Handling(unknown_methods="drop")))
    assert world.out(invite(method="FLY")) == []
    assert world.engine.counts["dropped:unknown-method"] == 1


def test_method_rate_is_per_host_and_second():
    world = World(policy(limits=Limits(rates=(MethodRate("OPTIONS", 5),))))
    sent = [world.out(invite(f"c{number}", method="OPTIONS"))[0].data[:7] for number in range(8)]
    assert sent == [b"OPTIONS"] * 5 + [b"SIP/2.0"] * 3
    assert world.engine.counts["answered:method-rate"] == 3
    assert world.out(invite("call"))[0].data.startswith(b"INVITE ")
    world.wait(0.5)
    assert world.out(invite("later", method="OPTIONS"))[0].data.startswith(b"OPTIONS ")


@pytest.mark.parametrize(
    ("action", "outcome", "counter"),
    [
        ("respond", b"SIP/2.0 400", "answered:cseq"),
        ("discard", None, "dropped:cseq"),
        ("pass", b"INVITE", "passed:cseq"),
    ],
)
def test_syntax_check_responds_discards_or_passes(action, outcome, counter):
    world = World(policy(handling=Handling(syntax=(SyntaxCheck("cseq", action),))))
    wrong = invite(body=sdp(PHONE.host, 14000)).replace(b"CSeq: 1 INVITE", b"CSeq: 99999999999 INVITE")
    sent = world.out(wrong)
    assert (sent[0].data[: len(outcome)] if sent and outcome else None) == outcome
    if action == "pass":
        assert sent[0].data == wrong
    assert world.engine.counts[counter] == 1
    assert world.engine.rows("calls", world.now) == []


def test_largest_message_and_line():
    world = World(policy(limits=Limits(message=1000, line=100)))
    assert world.out(invite(body=sdp(PHONE.host, 14000, "a=" + "x" * 900)))[0].data.startswith(b"SIP/2.0 513 ")
    long = invite("long").replace(b"Max-Forwards", b"X-Long: " + b"x" * 100 + b"\r\nMax-Forwards")
    assert world.out(long)[0].data.startswith(b"SIP/2.0 413 ")
    assert world.out(invite("short"))[0].data.startswith(b"INVITE ")


def test_refusal_is_repeated_for_a_retransmission_and_its_ack_ends_here():
    world = World(policy(handling=Handling(blocked_methods=("INVITE",))))
    request = invite()
    assert [world.out(request)[0].data[:11] for _ in range(2)] == [b"SIP/2.0 405"] * 2
    world.policy(policy(revision=2))
    assert world.out(request)[0].data.startswith(b"SIP/2.0 405")
    assert world.out(invite(method="ACK", branch="call-1-1-INVITE")) == []


def test_every_change_takes_effect_at_once_and_drops_no_call():
    world = World()
    established(world)
    before = world.holes()
    world.policy(
        policy(
            revision=2,
            media_ports=PortRange(25000, 25099),
            signalling_ports=PortRange(31000, 31009),
            timers=Timers(inactive_media=300, maximum_call=180, timer_c=200),
            limits=Limits(calls_per_host=1, half_open_per_host=1, media_lines=1, ports_per_host=1),
            handling=Handling(blocked_methods=("INVITE",), unknown_methods="drop", hide_call_ids=True),
        )
    )
    assert world.holes() == before
    assert {hole.lifetime for hole in world.open.values()} == {300}
    assert world.call()["state"] == "in_call"
    world.wait(150)
    assert world.holes() == before
    world.wait(31)
    assert world.call()["reason"] == "longest duration reached"


def test_shorter_longest_call_spares_the_calls_that_are_longer():
    world = World(policy(timers=Timers(inactive_media=2550)))
    established(world)
    world.wait(1000)
    world.policy(policy(revision=2, timers=Timers(inactive_media=2550, maximum_call=180)))
    world.wait(1000)
    assert world.call()["state"] == "in_call"


def test_new_calls_take_new_ports_after_a_change_of_range():
    world = World()
    sent, _ = established(world)
    world.policy(policy(revision=2, media_ports=PortRange(25000, 25099)))
    (again,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000)))
    assert again.data.partition(b"m=audio ")[2][:5] == sent.partition(b"m=audio ")[2][:5]
    (other,) = world.out(invite("other", body=sdp(PHONE.host, 14100)))
    assert other.data.partition(b"m=audio ")[2].startswith(b"250")


def test_silent_call_and_what_shares_its_endpoint_take_new_ports_after_a_change_of_range():
    """The broker lets nobody have a port of the old range, unless the kernel translates by it. The openings of this
    call closed in silence: then a redial while it drained, and its own next description, were refused."""
    world = World()
    established(world)
    before = {hole.mapped.port for hole in world.open.values()}
    world.policy(policy(revision=2, media_ports=PortRange(25000, 25099)))
    (shared,) = world.out(invite("call-2", body=sdp(PHONE.host, 14000)))
    assert announced(shared.data) in before  # the kernel translates this endpoint in one way only
    world.into(respond(shared.data, 486, "Busy Here", tag="c"))
    world.wait(200)
    assert (world.open, world.call()["state"]) == ({}, "in_call")
    (redialled,) = world.out(invite("call-3", body=sdp(PHONE.host, 14000)))
    assert 25000 <= announced(redialled.data) <= 25099
    (resumed,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000)))
    assert announced(resumed.data) == announced(redialled.data)
    world.into(respond(resumed.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert {hole.mapped.port & ~1 for hole in world.open.values()} == {announced(resumed.data)}
    world.into(respond(redialled.data, 486, "Busy Here", tag="d"))
    world.out(invite(cseq=3, method="BYE", to_tag="b"))
    world.wait(60)
    assert [name for name in world.engine.state.names() if name[0] == "pair"] == []


def test_timers_of_a_peering_replace_the_others():
    world = World(of_peering(timers=Timers(inactive_media=10)))
    established(world)
    assert {hole.lifetime for hole in world.open.values()} == {10}


def test_timer_c_ends_a_call_that_nobody_answers_with_a_word():
    world = World()
    world.out(invite(body=sdp(PHONE.host, 14000)))
    world.wait(179)
    assert world.call()["state"] == "setup"
    world.wait(2)
    assert (world.call()["state"], world.call()["reason"]) == ("rejected", "no answer")


def test_registered_phone_stays_reachable_after_a_change():
    world = World()
    world.registered()
    world.policy(policy(revision=2, signalling_ports=PortRange(31000, 31009)))
    (reached,) = world.into(incoming(body=sdp(*MEDIA_PROXY)))
    assert reached.destination == PHONE
    assert world.out(respond(reached.data, 200, "OK", tag="p", body=sdp(PHONE.host, 14000)))[0].data.startswith(
        b"SIP/2.0 200"
    )


def test_call_outlives_its_provider_moving_to_another_address():
    world = World()
    established(world)
    moved = replace(policy().peerings[0], external=(ip_network("203.0.113.3/32"),))
    world.policy(policy(revision=2, peerings=(moved,)))
    world.into(incoming("call-1", 9, method="BYE", to_tag="a"), source=Endpoint("203.0.113.3", 5060))
    assert world.call()["state"] == "completed"


def test_port_that_rests_is_not_announced_again_when_the_range_is_another():
    """The broker would refuse it: the call of a phone that uses its own port again would fail for half a minute."""
    world = World()
    established(world)
    world.out(invite(method="BYE", cseq=2, to_tag="b"))
    world.wait(6)
    world.policy(policy(revision=2, media_ports=PortRange(25000, 25099)))
    sent, _ = established(world, "call-2")
    assert announced(sent) in range(25000, 25100)
