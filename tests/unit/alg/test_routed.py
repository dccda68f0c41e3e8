# SPDX-License-Identifier: GPL-2.0-or-later
"""Networks that are routed and not translated: messages leave as they came, only pinholes are opened."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.alg.effects import Forward
from sipalg_core.contract.policy import AlgPolicy, Handling, Interface, Peering
from sipalg_core.net import Datagram, Endpoint, Flow, Side, Transport
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OURS,
    PHONE,
    PROVIDER,
    STRANGER,
    World,
    established,
    incoming,
    invite,
    message,
    policy,
    respond,
    sdp,
)

DMZ = Endpoint("192.0.2.10", 5060)
DMZ_MEDIA = Endpoint("192.0.2.11", 8000)


def routed(**changes: object) -> AlgPolicy:
    made = policy()
    return replace(made, peerings=(replace(made.peerings[0], **({"translate": "none"} | changes)),))  # type: ignore[arg-type]  # named by the tests


def into_phone(world: World, data: bytes, phone: Endpoint = PHONE, source: Endpoint = PROVIDER) -> list[Forward]:
    return world.into(data, to=phone, source=source)


def test_c62_routed_message_leaves_as_it_came_from_the_phones_own_address():
    world = World(routed())
    request = invite(body=sdp(PHONE.host, 14000))
    (sent,) = world.out(request)
    assert (sent.data, sent.source, sent.destination) == (request, PHONE, PROVIDER)
    answer = respond(request, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY))
    (back,) = into_phone(world, answer)
    assert (back.data, back.source, back.destination) == (answer, PROVIDER, PHONE)


def test_routed_call_opens_pinholes_to_the_phones_own_endpoint():
    world = World(routed())
    world.out(invite(body=sdp(PHONE.host, 14000)))
    into_phone(world, respond(invite(), 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    proxy_rtcp = Endpoint(MEDIA_PROXY.host, MEDIA_PROXY.port + 1)
    phone = f"{PHONE.host}:14000", f"{PHONE.host}:14001"
    assert world.holes() == {(phone[0], phone[0], str(MEDIA_PROXY)), (phone[1], phone[1], str(proxy_rtcp))}
    assert len(world.engine._dialogs.negotiation.pool) == 0


def test_routed_call_ends_with_its_pinholes_closed():
    world = World(routed())
    world.out(invite(body=sdp(PHONE.host, 14000)))
    into_phone(world, respond(invite(), 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    world.out(invite(cseq=2, method="BYE", to_tag="b"))
    world.wait(6)
    assert world.holes() == set()


def test_routed_phone_that_never_spoke_is_reached_at_its_own_address():
    world = World(routed())
    ring = incoming(body=sdp(*MEDIA_PROXY)).replace(OURS.encode(), PHONE.host.encode())
    (reached,) = into_phone(world, ring)
    assert (reached.data, reached.destination, reached.source) == (ring, PHONE, PROVIDER)
    answer = respond(ring, 200, "OK", tag="p", body=sdp(PHONE.host, 14000))
    (sent,) = world.out(answer)
    assert (sent.data, sent.source) == (answer, PHONE)
    assert (f"{PHONE.host}:14000", f"{PHONE.host}:14000", str(MEDIA_PROXY)) in world.holes()


def test_c52_stranger_reaches_no_routed_phone():
    world = World(routed())
    assert into_phone(world, incoming(), source=STRANGER) == []
    assert world.engine.counts["dropped:no-mapping"] == 1


def test_c23_routed_description_that_names_another_host_opens_nothing():
    """The phone announces what a STUN server told it: not its own address, so not ours to open."""
    world = World(routed())
    request = invite(body=sdp("203.0.113.200", 40000))
    assert world.out(request)[0].data == request
    into_phone(world, respond(request, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.holes() == set()


def test_c40_routed_far_end_with_an_address_of_ours_opens_nothing():
    world = World(routed())
    world.out(invite(body=sdp(PHONE.host, 14000)))
    answer = respond(invite(), 200, "OK", tag="b", body=sdp("192.168.0.11", 9000))
    assert into_phone(world, answer)[0].data == answer
    assert world.holes() == set()
    assert world.engine.counts["refused:media-peer-internal"] == 1


def test_routed_call_ids_are_not_hidden():
    world = World(replace(routed(), handling=Handling(hide_call_ids=True)))
    request = invite()
    assert world.out(request)[0].data == request


def test_only_ipv4_is_translated_where_ipv6_is_routed():
    phone6, provider6, proxy6 = Endpoint("fd00:a::10", 5060), Endpoint("2001:db8:a::1", 5060), "2001:db8:a::99"
    made = routed(
        translate="ipv4",
        internal=(ip_network("192.168.0.0/24"), ip_network("fd00:a::/64")),
        external=(ip_network("203.0.113.1/32"), ip_network("2001:db8:a::1/128")),
    )
    world = World(made)
    assert world.out(invite())[0].source.host == OURS
    request = invite("six").replace(str(PHONE).encode(), str(phone6).encode())
    request = request.replace(b"Content-Length: 0\r\n\r\n", b"")
    body = sdp("fd00:a::10", 14000).replace(b"IP4", b"IP6")
    request += b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    (sent,) = world.out(request, source=phone6, to=provider6)
    assert (sent.data, sent.source) == (request, phone6)
    answer = respond(request, 200, "OK", tag="b", body=sdp(proxy6, 7000).replace(b"IP4", b"IP6"))
    world.into(answer, to=phone6, source=provider6)
    assert ("[fd00:a::10]:14000", "[fd00:a::10]:14000", f"[{proxy6}]:7000") in world.holes()


# --- Both parties inside: telephones here, their server in the DMZ ---


def with_dmz(**changes: object) -> AlgPolicy:
    made = policy()
    dmz = Interface("dmz0", Side.INTERNAL, ("192.0.2.1",), (ip_network("192.0.2.0/24"),))
    values: dict[str, object] = {
        "rule": "rule:2", "name": "SBC", "internal": (ip_network("192.168.0.0/24"),),
        "external": (ip_network(f"{DMZ.host}/32"),), "media": (ip_network(f"{DMZ_MEDIA.host}/32"),),
        "translate": "none", "symmetric_media": True,
    }  # fmt: skip
    return replace(made, interfaces=(*made.interfaces, dmz), peerings=(*made.peerings, Peering(**(values | changes))))  # type: ignore[arg-type]  # named by the tests


def inside(
    world: World, data: bytes, source: Endpoint, to: Endpoint, transport: Transport = Transport.UDP
) -> list[Forward]:
    """A datagram by an internal interface."""
    return world._do(
        world.engine.receive(Datagram(data, Flow(transport, Side.INTERNAL, source, to)), world.now), together=True
    )


def test_server_in_the_dmz_answers_a_phone_and_its_media_host_gets_the_pinhole():
    world = World(with_dmz())
    request = invite(body=sdp(PHONE.host, 14000))
    (sent,) = inside(world, request, PHONE, DMZ)
    assert (sent.data, sent.source, sent.destination, sent.side) == (request, PHONE, DMZ, Side.EXTERNAL)
    answer = respond(request, 200, "OK", tag="b", body=sdp(*DMZ_MEDIA))
    (back,) = inside(world, answer, DMZ, PHONE)
    assert (back.data, back.source, back.destination, back.side) == (answer, DMZ, PHONE, Side.INTERNAL)
    assert world.call()["state"] == "in_call"
    assert (f"{PHONE.host}:14000", f"{PHONE.host}:14000", str(DMZ_MEDIA)) in world.holes()


def test_server_in_the_dmz_calls_a_phone():
    world = World(with_dmz())
    ring = message(
        f"INVITE sip:101@{PHONE} SIP/2.0", f"Via: SIP/2.0/UDP {DMZ};branch=z9hG4bKd1", "Max-Forwards: 70",
        "From: <sip:200@sbc.example>;tag=b", "To: <sip:101@sbc.example>", "Call-ID: dmz", "CSeq: 1 INVITE",
        f"Contact: <sip:200@{DMZ}>", body=sdp(*DMZ_MEDIA),
    )  # fmt: skip
    (reached,) = inside(world, ring, DMZ, PHONE)
    assert (reached.data, reached.destination) == (ring, PHONE)
    assert world.call()["direction"] == "inbound"
    inside(world, respond(ring, 200, "OK", tag="p", body=sdp(PHONE.host, 14000)), PHONE, DMZ)
    assert (f"{PHONE.host}:14000", f"{PHONE.host}:14000", str(DMZ_MEDIA)) in world.holes()


def test_server_in_the_dmz_does_not_open_a_third_inside_host():
    world = World(with_dmz())
    inside(world, invite(body=sdp(PHONE.host, 14000)), PHONE, DMZ)
    inside(world, respond(invite(), 200, "OK", tag="b", body=sdp("192.168.0.66", 9000)), DMZ, PHONE)
    assert world.holes() == set()


def test_side_of_a_connection_follows_from_the_rule():
    engine = World(with_dmz()).engine
    assert engine.side_of(PHONE.host, DMZ.host) is Side.INTERNAL
    assert engine.side_of(DMZ.host, PHONE.host) is Side.EXTERNAL
    assert engine.side_of(PROVIDER.host, OURS) is Side.EXTERNAL
    assert engine.side_of(PHONE.host, PROVIDER.host) is Side.INTERNAL


def test_what_is_translated_is_not_reached_at_its_own_address():
    world = World()
    (back,) = into_phone(world, incoming())
    assert back.data.startswith(b"SIP/2.0 480 ")
    assert back.destination == PROVIDER


# --- Several addresses of ours ---

SECOND = "203.0.113.20"


def two_addresses(*outside: str) -> AlgPolicy:
    made = policy()
    wan = replace(made.interfaces[1], addresses=(OURS, SECOND))
    return replace(made, interfaces=(made.interfaces[0], wan), peerings=(replace(made.peerings[0], outside=outside),))


def test_peering_uses_the_address_of_ours_that_it_names_for_signalling_and_media():
    world = World(two_addresses(SECOND))
    sent, _ = established_at(world, SECOND)
    assert sent.source == Endpoint(SECOND, 5060)
    assert OURS.encode() + b":" not in sent.data
    assert b"c=IN IP4 203.0.113.20\r\n" in sent.data
    assert {mapped.rpartition(":")[0] for _, mapped, _ in world.holes()} == {SECOND}


def established_at(world: World, address: str) -> tuple[Forward, Forward]:
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    answer = respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY))
    (back,) = world.into(answer, to=Endpoint(address, 5060))
    world.out(invite(method="ACK", to_tag="b", branch="call-1-ack"))
    return sent, back


def test_call_that_is_up_keeps_its_address_when_the_peering_gets_another():
    world = World(two_addresses())
    established(world)
    before = world.holes()
    world.policy(replace(two_addresses(SECOND), revision=2))
    assert world.holes() == before
    (again,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000)))
    assert again.source == Endpoint(OURS, 5060)
    assert SECOND.encode() not in again.data
    (fresh,) = world.out(invite("new", body=sdp(PHONE.host, 15000)))
    assert fresh.source == Endpoint(SECOND, 5060)
    world.into(incoming("call-1", 9, method="BYE", to_tag="a"))
    assert (
        world.engine.row("calls", str(world.engine.rows("calls", world.now)[0]["id"]), world.now)["state"]
        == "completed"
    )


def test_calls_end_only_with_the_address_that_they_were_told():
    world = World(two_addresses(SECOND))
    established_at(world, SECOND)
    world.policy(replace(two_addresses(SECOND), revision=2, interfaces=policy().interfaces))
    assert world.call()["reason"] == "our address changed"
    world = World(two_addresses(SECOND))
    established_at(world, SECOND)
    only_second = replace(two_addresses(SECOND).interfaces[1], addresses=(SECOND,))
    world.policy(replace(two_addresses(SECOND), revision=2, interfaces=(policy().interfaces[0], only_second)))
    assert world.call()["state"] == "in_call"


def test_media_endpoint_that_is_known_by_one_address_is_not_announced_by_another():
    """The kernel translates an endpoint in one way: better an answer with its reason than a silent call."""
    other = Endpoint("203.0.113.3", 5060)
    made = two_addresses()
    first, second = (
        replace(made.peerings[0], rule=f"rule:{number}", external=(ip_network(host),), outside=(outside,))
        for number, host, outside in ((1, "203.0.113.1/32", OURS), (2, "203.0.113.3/32", SECOND))
    )
    world = World(replace(made, peerings=(first, second)))
    world.out(invite(body=sdp(PHONE.host, 14000)))
    (refused,) = world.out(invite("two", body=sdp(PHONE.host, 14000)), to=other)
    assert refused.data.startswith(b"SIP/2.0 503 ")
    assert world.engine.counts["answered:media-endpoint-has-another-address"] == 1
    (passed,) = world.out(invite("three", body=sdp(PHONE.host, 14002)), to=other)
    assert passed.source.host == SECOND


@pytest.mark.parametrize("translate", ["all", "none"])
def test_proof_counts_messages_and_those_that_were_altered(translate):
    world = World(routed(translate=translate))
    world.out(invite(body=sdp(PHONE.host, 14000)))
    world.out(invite("other", method="OPTIONS"))
    (peer,) = world.engine.rows("health", world.now)[0]["peers"]
    assert (peer["messages"], peer["altered"]) == (2, 2 if translate == "all" else 0)
    assert (peer["rule"], peer["name"], peer["translate"]) == ("rule:1", "Provider", translate)
