# SPDX-License-Identifier: GPL-2.0-or-later
"""Which offer an answer answers, and media that comes from several hosts (sip-alg reference, C16 and C20)."""

from __future__ import annotations

import pytest

from sipalg_core.net import Endpoint
from tests.unit.alg.harness import MEDIA_PROXY, PHONE, World, established, incoming, invite, sdp


@pytest.mark.parametrize(("method", "cseq"), [("UPDATE", 1), ("INVITE", 7)])
def test_c16_ack_answers_the_offer_of_its_own_invite_only(method, cseq):
    """The provider has offered something else meanwhile, and the telephone repeats its ACK, with a description."""
    world = World()
    established(world)
    held = world.holes()
    world.into(incoming("call-1", cseq, sdp(MEDIA_PROXY[0], 7100), method=method, to_tag="a"))
    world.out(invite(method="ACK", to_tag="b", branch="late", body=sdp(PHONE.host, 14000)))
    assert world.holes() == held


def test_c20_rtcp_at_another_host_of_the_far_end_is_let_in_from_there():
    world = World()
    elsewhere = "203.0.113.98:7201"
    established(world, answer=sdp(*MEDIA_PROXY, "a=rtcp:7201 IN IP4 203.0.113.98"))
    assert {external for _, _, external in world.holes()} == {str(Endpoint(*MEDIA_PROXY)), elsewhere}


def test_c20_rtcp_at_another_host_of_the_phone_stays_what_it_is_and_opens_nothing():
    world = World()
    line = "a=rtcp:15555 IN IP4 192.168.0.77"
    sent, _ = established(world, body=sdp(PHONE.host, 14000, line))
    assert line.encode() in sent
    assert {internal for internal, _, _ in world.holes()} == {f"{PHONE.host}:14000"}
