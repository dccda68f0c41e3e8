# SPDX-License-Identifier: GPL-2.0-or-later
"""Alternative addresses of media (RFC 6947, a=altc): what repeats the media's endpoint follows it, the rest stays."""

from __future__ import annotations

import pytest

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
    respond,
    sdp,
)

OF_OTHERS = (
    "a=altc:2 IP6 2001:db8::10 14000",
    "a=altc:2 IP4 198.51.100.7 14000",
    "a=altc:2 IP4 phone.example 14000",
    "a=altc:2 IP4 192.168.0.11 14000",
    "a=altc:2 IP4 192.168.0.10",
    "a=altc:2 IP4 192.168.0.10 14000 more",
    "a=altc:2 IP4 192.168.0.10 14000/x",
    "a=altc:2 IP6 192.168.0.10 14000",
    "a=altc",
)


@pytest.mark.parametrize("rtcp", ["", "/{}"])
def test_alternative_that_repeats_the_media_follows_it(rtcp: str):
    line = "a=altc:1 IP4 {} {}" + rtcp
    world = World()
    inside = sdp(PHONE.host, 14000, line.format(PHONE.host, 14000, 14001), "a=altc:2 IP6 2001:db8::10 14000")
    sent, _ = established(world, body=inside)
    port = announced(sent)
    outside = sdp(OURS, port, line.format(OURS, port, port + 1), "a=altc:2 IP6 2001:db8::10 14000")
    assert body_of(sent) == outside
    assert b"Content-Length: %d\r\n" % len(outside) in sent
    assert {hole.mapped.port for hole in world.open.values()} == {port, port + 1}


@pytest.mark.parametrize("line", OF_OTHERS)
def test_what_is_nobodys_or_no_alternative_stays(line: str):
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000, line)))
    assert body_of(sent.data) == sdp(OURS, announced(sent.data), line)
    assert world.engine.counts["sdp:altc-untouched"] == 0


def test_own_endpoint_that_no_line_announces_stays_and_is_counted():
    world = World()
    line = f"a=altc:1 IP4 {PHONE.host} 15000"
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000, line)))
    assert body_of(sent.data) == sdp(OURS, announced(sent.data), line)
    assert world.engine.counts["sdp:altc-untouched"] == 1


def test_each_line_has_its_own():
    world = World()
    video = ("m=video 14010 RTP/AVP 31", f"a=altc:1 IP4 {PHONE.host} 14010")
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000, f"a=altc:1 IP4 {PHONE.host} 14000", *video)))
    for kind in ("audio", "video"):
        assert f"a=altc:1 IP4 {OURS} {announced(sent.data, kind)}".encode() in sent.data


def test_our_own_mapping_becomes_the_phone_behind_it():
    """C12: as in c= and m=."""
    world = World()
    world.registered()
    (sent,) = world.out(invite("other", body=sdp(OTHER_PHONE.host, 14000)), source=OTHER_PHONE)
    port = announced(sent.data)
    body = sdp(OURS, port, f"a=altc:1 IP4 {OURS} {port}/{port + 1}", "a=altc:2 IP6 2001:db8::1 7000")
    (came,) = world.into(incoming(body=body))
    own = f"a=altc:1 IP4 {OTHER_PHONE.host} 14000/14001"
    assert body_of(came.data) == sdp(OTHER_PHONE.host, 14000, own, "a=altc:2 IP6 2001:db8::1 7000")


def test_alternatives_of_the_far_end_pass_and_the_change_has_its_reason():
    world = World()
    answer = sdp(*MEDIA_PROXY, f"a=altc:1 IP4 {MEDIA_PROXY.host} {MEDIA_PROXY.port}")
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000, f"a=altc:1 IP4 {PHONE.host} 14000")))
    (back,) = world.into(respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=answer))
    assert body_of(back.data) == answer
    first = world.engine.trace(str(world.call()["id"]))[0]
    assert str(first["edits"]).count("the alternative address (a=altc) that repeats the media's") == 2
