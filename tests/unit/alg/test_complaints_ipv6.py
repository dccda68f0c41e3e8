# SPDX-License-Identifier: GPL-2.0-or-later
"""IPv6 and both families at once (sip-alg reference, C47)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.contract.policy import AlgPolicy, Interface, Peering
from sipalg_core.net import Endpoint, Side
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OURS,
    PHONE,
    World,
    announced,
    body_of,
    established,
    header,
    invite,
    policy,
    respond,
    sdp,
)

SIX = Endpoint("fd00:a::10", 5060)
PROVIDER_SIX = Endpoint("2001:db8:b::1", 5060)
OURS_SIX = "2001:db8:a::2"


def dual_stack() -> AlgPolicy:
    changed = policy()
    inside = (ip_network("192.168.0.0/24"), ip_network("fd00:a::/64"))
    return replace(
        changed,
        interfaces=(
            Interface("lan0", Side.INTERNAL, ("192.168.0.1", "fd00:a::1"), inside),
            Interface("wan0", Side.EXTERNAL, (OURS, OURS_SIX)),
        ),
        peerings=(
            *changed.peerings,
            Peering(
                rule="rule:6", name="Six", internal=(ip_network("fd00:a::/64"),),
                external=(ip_network("2001:db8:b::/64"),), symmetric_media=True,
                media_hosts=(ip_network("192.168.0.10/32"),),
            ),
        ),
    )  # fmt: skip


def six(text: bytes) -> bytes:
    """The same message over IPv6."""
    return (
        text.replace(b"IN IP4 192.168.0.10", b"IN IP6 fd00:a::10")
        .replace(b"IN IP4 203.0.113.99", b"IN IP6 2001:db8:b::99")
        .replace(b"192.168.0.10", b"[fd00:a::10]")
    )


def length_fixed(text: bytes) -> bytes:
    head, _, body = text.partition(b"\r\n\r\n")
    lines = [
        b"Content-Length: %d" % len(body) if line.startswith(b"Content-L") else line for line in head.split(b"\r\n")
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def test_c47_call_over_ipv6():
    world = World(dual_stack())
    (sent,) = world.out(length_fixed(six(invite(body=sdp(PHONE.host, 14000)))), source=SIX, to=PROVIDER_SIX)
    assert (sent.source, sent.destination) == (Endpoint(OURS_SIX, 5060), PROVIDER_SIX)
    assert header(sent.data, "Via").startswith(f"SIP/2.0/UDP [{OURS_SIX}]:5060;")
    assert header(sent.data, "Contact") == f"<sip:101@[{OURS_SIX}]:5060>"
    assert f"c=IN IP6 {OURS_SIX}\r\n".encode() in sent.data
    assert b"fd00:a::" not in sent.data
    reply = respond(sent.data, 200, "OK", tag="b", body=six(sdp(*MEDIA_PROXY)))
    reply = reply.replace(b";rport", f";received={OURS_SIX};rport=5060".encode())
    (back,) = world.into(reply, to=sent.source, source=PROVIDER_SIX)
    assert back.destination == SIX
    assert header(back.data, "Via").startswith("SIP/2.0/UDP [fd00:a::10]:5060;")
    assert ";received=fd00:a::10;rport=5060" in header(back.data, "Via")
    port = announced(sent.data)
    assert ("[fd00:a::10]:14000", f"[{OURS_SIX}]:{port}", "[2001:db8:b::99]:7000") in world.holes()


@pytest.mark.parametrize("spelling", ["FD00:A::10", "fd00:a:0:0:0:0:0:10", "fd00:000a::0010"])
def test_c47_every_spelling_of_an_address_is_that_address(spelling):
    world = World(dual_stack())
    body = sdp("X", 14000).replace(b"IN IP4 X", b"IN IP6 " + spelling.encode())
    asked = invite(body=body).replace(str(PHONE).encode(), f"[{spelling}]:5060".encode())
    (sent,) = world.out(asked, source=SIX, to=PROVIDER_SIX)
    assert spelling.encode() not in sent.data
    assert (header(sent.data, "Contact"), sent.data.count(OURS_SIX.encode())) == (f"<sip:101@[{OURS_SIX}]:5060>", 4)
    answer = sdp("2001:DB8:B::99", 7000).replace(b"IN IP4", b"IN IP6")
    reply = respond(sent.data, 200, "OK", tag="b", body=answer)
    (back,) = world.into(reply, to=Endpoint(OURS_SIX, 5060), source=PROVIDER_SIX)
    assert header(back.data, "Via") == header(asked, "Via")
    assert {external for _, _, external in world.holes()} == {"[2001:db8:b::99]:7000", "[2001:db8:b::99]:7001"}


def test_c47_signalling_over_ipv6_with_media_over_ipv4():
    world = World(dual_stack())
    call = six(invite()).replace(b"Content-Length: 0\r\n\r\n", b"Content-Type: application/sdp\r\n\r\n") + sdp(
        PHONE.host, 14000
    )
    (sent,) = world.out(call, source=SIX, to=PROVIDER_SIX)
    assert body_of(sent.data) == sdp(OURS, announced(sent.data))
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)), to=sent.source, source=PROVIDER_SIX)
    assert ("192.168.0.10:14000", f"{OURS}:{announced(sent.data)}", "203.0.113.99:7000") in world.holes()


def test_c47_ipv4_calls_are_unaffected_by_a_second_family():
    world = World(dual_stack())
    established(world)
    assert len(world.open) == 2


def test_c47_media_of_two_families_opens_nothing():
    world = World(dual_stack())
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 200, "OK", tag="b", body=six(sdp(*MEDIA_PROXY))))
    assert world.open == {}
