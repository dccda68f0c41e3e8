# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that reach a registered phone."""

from __future__ import annotations

from sipalg_core.net import Endpoint, Side
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OTHER_PHONE,
    OURS,
    PHONE,
    PROVIDER,
    STRANGER,
    World,
    body_of,
    header,
    incoming,
    respond,
    ringing,
    sdp,
)


def test_invite_reaches_the_phone_with_its_own_address_in_the_request_uri():
    world = World()
    world.registered()
    (sent,) = world.into(incoming(body=sdp(*MEDIA_PROXY)))
    assert (sent.source, sent.destination, sent.side) == (PROVIDER, PHONE, Side.INTERNAL)
    assert sent.data.startswith(b"INVITE sip:101@192.168.0.10:5060 SIP/2.0\r\n")
    assert header(sent.data, "Record-Route") == "<sip:203.0.113.1;lr>"
    assert body_of(sent.data) == sdp(*MEDIA_PROXY)


def test_answer_announces_our_port_and_opens_the_pinholes():
    world = World()
    request = ringing(world)
    (back,) = world.out(respond(request, 200, "OK", tag="p", contact=f"<sip:101@{PHONE}>", body=sdp(PHONE.host, 14000)))
    assert (back.source, back.destination) == (Endpoint(OURS, 5060), PROVIDER)
    assert PHONE.host.encode() not in back.data
    assert {(internal, external) for internal, _, external in world.holes()} == {
        ("192.168.0.10:14000", "203.0.113.99:7000"),
        ("192.168.0.10:14001", "203.0.113.99:7001"),
    }
    assert world.call()["direction"] == "inbound"


def test_bye_of_the_caller_ends_it():
    world = World()
    request = ringing(world)
    world.out(respond(request, 200, "OK", tag="p", body=sdp(PHONE.host, 14000)))
    world.into(incoming(method="BYE", cseq=2, to_tag="p"))
    assert world.call()["reason"] == "hung up by the other side"
    world.wait(5.1)
    assert world.open == {}


def test_two_phones_have_ports_of_their_own():
    world = World()
    world.registered()
    sent = world.register(source=OTHER_PHONE, user="102")
    assert sent.source.port != 5060
    assert header(sent.data, "Contact").startswith(f"<sip:102@{sent.source}>")
    world.into(respond(sent.data, 200, "OK", contact=header(sent.data, "Contact")), to=sent.source)
    (reached,) = world.into(incoming(call_id="second"), to=sent.source)
    assert reached.destination == OTHER_PHONE


def test_stranger_reaches_nobody():
    world = World()
    world.registered()
    assert world.into(incoming(), source=STRANGER) == []
    assert world.engine.counts["dropped:no-rule"] == 1
    assert world.engine.rows("calls", world.now) == []


def test_unknown_port_is_answered_with_480():
    world = World()
    (back,) = world.into(incoming(), to=Endpoint(OURS, 5070))
    assert back.data.startswith(b"SIP/2.0 480 ")
    assert back.destination == PROVIDER
    assert world.engine.counts["answered:no-mapping"] == 1


def test_register_from_outside_is_dropped():
    world = World()
    world.registered()
    assert world.into(incoming(method="REGISTER")) == []
    assert world.engine.counts["dropped:register-from-outside"] == 1


def test_private_address_from_outside_is_not_ours():
    world = World()
    request = ringing(world)
    assert b"203.0.113.99" in request
    world = World()
    world.registered()
    (sent,) = world.into(incoming(body=sdp("192.168.0.77", 7000)))
    assert body_of(sent.data) == sdp("192.168.0.77", 7000)
    world.out(respond(sent.data, 200, "OK", tag="p", body=sdp(PHONE.host, 14000)))
    assert world.open == {}
    assert world.engine.counts["refused:media-peer-internal"] == 1
