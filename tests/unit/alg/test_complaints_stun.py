# SPDX-License-Identifier: GPL-2.0-or-later
"""What users complain of whose telephones ask a STUN server (sip-alg reference, C23): what they announce is kept."""

from __future__ import annotations

import pytest

from sipalg_core.alg.effects import Forward, OpenPinhole
from tests.unit.alg.harness import MEDIA_PROXY, OURS, PHONE, World, body_of, established, invite, respond, sdp


def answered(world: World, port: int = 40000, answer: bytes = b"") -> bytes:
    """The INVITE as it left; the call is up."""
    (sent,) = world.out(invite(body=sdp(OURS, port)))
    world.into(respond(sent.data, 200, "OK", tag="b", body=answer or sdp(*MEDIA_PROXY)))
    return sent.data


def test_c23_port_from_a_stun_server_is_kept_and_opened_for_its_telephone():
    world = World()
    assert body_of(answered(world)) == sdp(OURS, 40000)
    assert world.holes() == {
        (f"{PHONE.host}:0", f"{OURS}:40000", "203.0.113.99:7000"),
        (f"{PHONE.host}:0", f"{OURS}:40001", "203.0.113.99:7001"),
    }
    kinds = [type(each) for each in world.effects if isinstance(each, Forward | OpenPinhole)]
    assert kinds == [Forward, OpenPinhole, OpenPinhole]  # no message waits for what may not be there
    assert {row["internal"] for row in world.engine.rows("pinholes", world.now)} == {f"{PHONE.host}:*"}
    world.out(invite(cseq=2, method="BYE", to_tag="b"))
    world.wait(6)
    assert world.open == {}


def test_c23_port_that_the_kernel_does_not_know_opens_nothing_and_the_call_goes_on():
    world = World()
    world.refuse = True
    answered(world)
    assert world.open == {}
    assert world.call()["state"] == "in_call"
    assert world.call()["pinholes"] == 0  # RTCP is not asked for where RTP was refused
    assert world.engine.counts["sdp:not-behind-us"] == 1
    world.refuse = False
    world.out(invite(cseq=2, method="BYE", to_tag="b"))
    world.wait(6)
    assert world.call()["pinholes"] == 0
    assert len(world.engine.looks.ended(0)) == 1  # also a call without media of ours is one of the history
    world.wait(21)
    assert world.engine.rows("calls", world.now) == []
    assert len(world.engine.looks.ended(0)) == 1


def test_c23_media_that_moves_to_such_a_port_leaves_its_place_though_the_kernel_knows_none():
    """The message has gone on: what was agreed before is over on both sides."""
    world = World()
    established(world)
    assert len(world.open) == 2
    (sent,) = world.out(invite(cseq=2, to_tag="b", body=sdp(OURS, 40000)))
    world.refuse = True
    assert len(world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))) == 1
    assert (world.open, world.engine.rows("pinholes", world.now)) == ({}, [])


@pytest.mark.parametrize("port", [20010, 30005, 1023, 5060])
def test_c23_port_that_is_ours_to_give_or_that_media_never_has_is_nobodys(port):
    world = World()
    answered(world, port)
    assert world.open == {}
