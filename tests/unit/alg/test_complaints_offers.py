# SPDX-License-Identifier: GPL-2.0-or-later
"""Which offer an answer answers, and media of several hosts (sip-alg reference, C04, C11, C12, C16, C20)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.alg.mappings import IDLE
from sipalg_core.alg.screening import MAX_GATE_SOURCES
from sipalg_core.net import Endpoint
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OTHER_PHONE,
    OURS,
    PHONE,
    World,
    announced,
    body_of,
    established,
    incoming,
    invite,
    policy,
    respond,
    sdp,
)


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


def test_c12_mappings_of_two_phones_behind_one_address_stay_as_they_are():
    """One c= line cannot name both, so that the media has to go round by us."""
    world = World()
    to = world.registered().destination
    world.register(source=OTHER_PHONE, user="102")
    (first,) = world.out(invite("one", body=sdp(PHONE.host, 14000)))
    (second,) = world.out(invite("two", body=sdp(OTHER_PHONE.host, 16000)), source=OTHER_PHONE)
    both = sdp(OURS, announced(first.data), f"m=video {announced(second.data)} RTP/AVP 31")
    (reached,) = world.into(incoming("three", body=both))
    assert (reached.destination, body_of(reached.data)) == (to, both)


def test_c11_early_media_is_let_in_from_so_many_hosts_and_no_more():
    """P7: of a provider that names each of its relays, the first ones; the signalling peer is one of them."""
    relays = tuple(ip_network(f"203.0.113.{last}/32") for last in range(101, 121))
    world = World(policy(peerings=(replace(policy().peerings[0], media=relays),)))
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 180, "Ringing", tag="b"))
    assert len(world.open) == MAX_GATE_SOURCES
    assert "203.0.113.1:0" in {external for _, _, external in world.holes()}


def test_c04_phone_that_is_only_called_keeps_its_way_in():
    """Its mapping is in use although nothing comes from it but answers: nobody else gets it."""
    world = World()
    way_in = world.registered().source
    at = Endpoint(OURS, 5060)
    for number in range(3):
        world.now += IDLE - 1
        assert world.into(incoming(f"ask-{number}", method="OPTIONS"), to=at)[0].destination == PHONE
    for number in range(12):
        world.out(invite(f"o-{number}", method="OPTIONS"), source=Endpoint("192.168.0.12", 7000 + number))
    (reached,) = world.into(incoming("last", method="OPTIONS"), to=at)
    assert (reached.destination, reached.source) == (PHONE, way_in)
