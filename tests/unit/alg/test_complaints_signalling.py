# SPDX-License-Identifier: GPL-2.0-or-later
"""What users complain of in messages and registrations (sip-alg reference, section 3): heads, ways, bindings."""

from __future__ import annotations

import hashlib

import pytest

from sipalg_core.alg.effects import Listen
from sipalg_core.contract.policy import Interface
from sipalg_core.net import Endpoint, Side, Transport
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OTHER_PHONE,
    OURS,
    PHONE,
    PROVIDER,
    STRANGER,
    World,
    announced,
    body_of,
    changed_lines,
    established,
    header,
    incoming,
    invite,
    message,
    policy,
    respond,
    ringing,
    sdp,
)

METHODS = (
    "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER",
    "SUBSCRIBE", "UPDATE", "FLY",
)  # fmt: skip


def request(method: str, *headers: str, uri: str = "sip:200@provider.example", body: bytes = b"") -> bytes:
    """An outward request outside a dialog, with more headers."""
    return message(
        f"{method} {uri} SIP/2.0",
        f"Via: SIP/2.0/UDP {PHONE};branch=z9hG4bKr{method};rport",
        "From: <sip:101@provider.example>;tag=a",
        "To: <sip:200@provider.example>",
        "Call-ID: one@192.168.0.10",
        f"CSeq: 1 {method}",
        *headers,
        body=body,
    )


@pytest.mark.parametrize("method", METHODS)
def test_c01_every_method_changes_only_owned_addresses(method):
    world = World()
    sent = request(
        method,
        f"Contact: <sip:101@{PHONE};transport=udp>;x-odd=192.168.0.10",
        "X-Unknown: 192.168.0.10 and 10.1.2.3",
        "x-UPPER : <sip:101@192.168.0.10>",
        'Warning: 399 192.168.0.10 "text"',
    )
    (left,) = world.out(sent)
    assert changed_lines(sent, left.data) == [
        (b"Via: SIP/2.0/UDP 192.168.0.10:5060;branch=z9hG4bKr%s;rport" % method.encode(),
         b"Via: SIP/2.0/UDP 203.0.113.2:5060;branch=z9hG4bKr%s;rport" % method.encode()),
        (b"Contact: <sip:101@192.168.0.10:5060;transport=udp>;x-odd=192.168.0.10",
         b"Contact: <sip:101@203.0.113.2:5060;transport=udp>;x-odd=192.168.0.10"),
    ]  # fmt: skip


@pytest.mark.parametrize("method", [method for method in METHODS if method != "REGISTER"])
def test_c01_every_method_inward_changes_only_our_mappings(method):
    world = World()
    world.registered()
    sent = incoming(method=method, body=b"")
    (reached,) = world.into(sent)
    assert changed_lines(sent, reached.data) == [
        (b"%s sip:101@203.0.113.2:5060 SIP/2.0" % method.encode(),
         b"%s sip:101@192.168.0.10:5060 SIP/2.0" % method.encode()),
    ]  # fmt: skip


def test_c04_binding_lives_as_long_as_granted():
    world = World()
    world.registered(granted=3600)
    world.wait(400)
    assert world.into(incoming())[0].destination == PHONE


def test_c04_contact_at_another_port_is_listened_at_before_it_is_announced():
    world = World()
    (sent,) = world.out(request("REGISTER", f"Contact: <sip:101@{PHONE.host}:5072>"))
    mapped = Endpoint(OURS, int(header(sent.data, "Contact").partition(f"{OURS}:")[2].partition(">")[0]))
    assert world.effects.index(Listen(mapped, Transport.UDP)) < world.effects.index(sent)
    world.out(request("REGISTER", f"Contact: <sip:101@{PHONE}>"))
    assert not [effect for effect in world.effects if isinstance(effect, Listen)]


def test_c06_ack_leaves_with_the_route_and_target_of_the_200():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    route = "<sip:203.0.113.1;lr>"
    reply = respond(sent.data, 200, "OK", tag="b", contact="<sip:200@198.51.100.77>", body=sdp(*MEDIA_PROXY))
    (back,) = world.into(reply.replace(b"Contact:", b"Record-Route: " + route.encode() + b"\r\nContact:"))
    assert (header(back.data, "Contact"), header(back.data, "Record-Route")) == ("<sip:200@198.51.100.77>", route)
    ack = invite(method="ACK", to_tag="b", branch="ack").replace(
        b"sip:200@provider.example SIP", b"sip:200@198.51.100.77 SIP"
    ).replace(b"Max-Forwards", b"Route: " + route.encode() + b"\r\nMax-Forwards")  # fmt: skip
    (left,) = world.out(ack)
    assert left.data.startswith(b"ACK sip:200@198.51.100.77 SIP/2.0\r\n")
    assert header(left.data, "Route") == route


def test_c30_compact_headers_work_and_stay_compact():
    compact = {
        b"Via:": b"v:", b"From:": b"f:", b"To:": b"t:", b"Call-ID:": b"i:", b"Contact:": b"m:",
        b"Content-Type:": b"c:", b"Content-Length:": b"l :",
    }  # fmt: skip
    world = World()
    sent = invite(body=sdp(PHONE.host, 14000))
    for name, short in compact.items():
        sent = sent.replace(name, short)
    (left,) = world.out(sent)
    assert b"\r\nm: <sip:101@203.0.113.2:5060>\r\n" in left.data
    assert b"\r\nl : %d\r\n" % len(body_of(left.data)) in left.data
    world.into(respond(invite(body=b"").replace(b"192.168.0.10", OURS.encode()), 200, "OK", tag="b",
                       body=sdp(*MEDIA_PROXY)))  # fmt: skip
    assert len(world.open) == 2


def test_c31_folded_contact_is_rewritten_where_it_stands():
    world = World()
    sent = invite().replace(
        b"Contact: <sip:101@192.168.0.10:5060>", b"Contact:\r\n\t<sip:101@192.168.0.10:5060>\r\n ;q=1"
    )
    (left,) = world.out(sent)
    assert b"Contact:\r\n\t<sip:101@203.0.113.2:5060>\r\n ;q=1\r\n" in left.data


def test_c32_missing_content_length_is_not_invented():
    world = World()
    sent = invite(body=sdp(PHONE.host, 14000))
    sent = b"\r\n".join(line for line in sent.split(b"\r\n") if not line.startswith(b"Content-Length"))
    (left,) = world.out(sent)
    assert b"Content-Length" not in left.data
    assert body_of(left.data) == sdp(OURS, announced(left.data))


@pytest.mark.parametrize("ping", [b"\r\n\r\n", b"\r\n", b"\x00"])
def test_c34_keep_alives_pass_both_ways(ping):
    world = World()
    world.registered()
    assert world.out(ping)[0].data == ping
    assert world.into(ping)[0].destination == PHONE


@pytest.mark.parametrize("size", [4000, 9000, 60_000])
def test_c35_large_invite_is_rewritten_whole(size):
    world = World()
    body = sdp(PHONE.host, 14000) + b"a=x-padding:" + b"x" * size + b"\r\n"
    (left,) = world.out(invite(body=body))
    assert int(header(left.data, "Content-Length")) == len(body_of(left.data))
    assert body_of(left.data).endswith(b"x" * size + b"\r\n")


def test_c35_largest_datagram_passes_and_what_would_grow_beyond_it_is_refused_in_words():
    world = World()
    world.registered()
    spare = 65_507 - len(invite(method="MESSAGE", body=b"x" * 60_000))
    (left,) = world.out(largest := invite(method="MESSAGE", body=b"x" * (60_000 + spare)))
    assert (len(largest), left.side) == (65_507, Side.EXTERNAL)
    assert body_of(left.data) == body_of(largest)
    spare = 65_507 - len(incoming(method="MESSAGE", body=b"x" * 60_000))
    (back,) = world.into(incoming(method="MESSAGE", body=b"x" * (60_000 + spare)))
    assert (back.side, back.data[:12]) == (Side.EXTERNAL, b"SIP/2.0 513 ")  # 192.168.0.10 is longer than 203.0.113.2
    assert b"message-too-large" in back.data
    assert world.engine.counts["answered:message-too-large"] == 1


def test_c35_call_whose_answer_would_grow_beyond_a_datagram_holds_nothing():
    world = World()
    sent = ringing(world)
    body = sdp(PHONE.host, 1024, "a=rtcp:1025").replace(b"o=- 1 1 IN IP4 192.168.0.10", b"o=- 1 1 IN IP4 phone.example")
    reply = respond(sent, 200, "OK", tag="a", body=body + b"a=x-" + b"x" * 60_000 + b"\r\n")
    reply = respond(sent, 200, "OK", tag="a", body=body + b"a=x-" + b"x" * (125_507 - len(reply)) + b"\r\n")
    assert len(reply) == 65_507
    assert world.out(reply) == []
    assert world.open == {}
    assert world.call()["state"] == "rejected"


def test_c36_large_notify_reaches_the_phone():
    world = World()
    world.registered()
    lamps = b"<dialog-info>" + b"<dialog id='x'/>" * 3200 + b"</dialog-info>"
    note = incoming(method="NOTIFY", body=lamps).replace(b"application/sdp", b"application/dialog-info+xml")
    (reached,) = world.into(note)
    assert body_of(reached.data) == lamps


def test_c38_response_goes_where_the_phone_wants_it():
    source = Endpoint(PHONE.host, 50000)
    for rport, wanted in ((";rport", source), ("", PHONE)):
        world = World()
        (sent,) = world.out(invite().replace(b";rport", rport.encode()), source=source)
        (back,) = world.into(respond(sent.data, 200, "OK", tag="b"), to=sent.source)
        assert back.destination == wanted
        assert header(back.data, "Via").startswith(f"SIP/2.0/UDP {PHONE};")


def test_c39_foreign_private_addresses_return_unchanged():
    world = World()
    established(world)
    route = "<sip:10.9.9.9;lr>, <sip:192.168.0.66;lr>"
    bye = invite(cseq=2, method="BYE", to_tag="b").replace(
        b"Max-Forwards", b"Route: " + route.encode() + b"\r\nMax-Forwards"
    )
    (left,) = world.out(bye)
    assert header(left.data, "Route") == route


def test_c41_path_is_ours_and_service_route_is_theirs():
    world = World()
    (sent,) = world.out(request("REGISTER", f"Path: <sip:{PHONE};lr;ob>", f"Contact: <sip:101@{PHONE}>"))
    assert header(sent.data, "Path") == f"<sip:{OURS}:5060;lr;ob>"
    reply = respond(sent.data, 200, "OK", contact=f"<sip:101@{OURS}:5060>").replace(
        b"Contact", b"Service-Route: <sip:10.1.1.1;lr>\r\nContact"
    )
    (back,) = world.into(reply)
    assert header(back.data, "Service-Route") == "<sip:10.1.1.1;lr>"


def test_c42_instance_and_gruu_parameters_pass():
    world = World()
    parameters = ';+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>";reg-id=1;ob'
    (sent,) = world.out(request("REGISTER", f"Contact: <sip:101@{PHONE};ob>{parameters}"))
    assert header(sent.data, "Contact") == f"<sip:101@{OURS}:5060;ob>{parameters}"
    granted = f'<sip:101@{OURS}:5060;ob>{parameters};temp-gruu="sip:tgruu.7hs@provider.example;gr";expires=600'
    (back,) = world.into(respond(sent.data, 200, "OK", contact=granted))
    assert header(back.data, "Contact") == granted.replace(OURS, PHONE.host)
    called = incoming().replace(b"sip:101@203.0.113.2:5060 SIP", b"sip:tgruu.7hs@provider.example;gr SIP")
    (reached,) = world.into(called)
    assert reached.destination == PHONE
    assert reached.data.startswith(b"INVITE sip:tgruu.7hs@provider.example;gr SIP/2.0")


def test_c43_bulk_registration_of_a_number_block():
    world = World()
    (sent,) = world.out(request("REGISTER", "Require: gin", f"Contact: <sip:{PHONE};bnc>;expires=600"))
    assert header(sent.data, "Contact") == f"<sip:{OURS}:5060;bnc>;expires=600"
    world.into(respond(sent.data, 200, "OK", contact=header(sent.data, "Contact")))
    assert world.engine.rows("registrations", world.now)[0]["state"] == "registered"
    called = incoming().replace(b"sip:101@203.0.113.2:5060 SIP", b"sip:+4989123@203.0.113.2:5060 SIP")
    (reached,) = world.into(called)
    assert reached.data.startswith(b"INVITE sip:+4989123@192.168.0.10:5060 SIP/2.0")


def test_c44_refer_to_a_private_address_names_ours_and_keeps_replaces():
    world = World()
    embedded = "Replaces=call%40192.168.0.10%3Bto-tag%3D1%3Bfrom-tag%3D2"
    (left,) = world.out(request("REFER", f"Refer-To: <sip:x@{PHONE}?{embedded}>", f"Referred-By: <sip:101@{PHONE}>"))
    assert header(left.data, "Refer-To") == f"<sip:x@{OURS}:5060?{embedded}>"
    assert header(left.data, "Referred-By") == f"<sip:101@{OURS}:5060>"
    world.registered()
    replaces = incoming("new").replace(
        b"Max-Forwards", b"Replaces: call@192.168.0.10;to-tag=1;from-tag=2\r\nMax-Forwards"
    )
    (reached,) = world.into(replaces)
    assert header(reached.data, "Replaces") == "call@192.168.0.10;to-tag=1;from-tag=2"


def test_c45_identity_headers_lose_the_private_address_only():
    world = World()
    headers = {
        "P-Asserted-Identity": '"Müller" <sip:101@{}>, <tel:+4989101>',
        "Diversion": "<sip:102@{}>;reason=unconditional;counter=1",
        "History-Info": "<sip:103@{}?Reason=SIP%3Bcause%3D302>;index=1.1",
        "Remote-Party-ID": "<sip:101@{}>;privacy=off",
    }
    inside = [f"{name}: {value.format('192.168.0.10')}" for name, value in headers.items()]
    (left,) = world.out(request("INVITE", *inside))
    for name, value in headers.items():
        assert header(left.data, name) == value.format(OURS)
    domains = [f"{name}: {value.format('provider.example')}" for name, value in headers.items()]
    sent = request("OPTIONS", *domains)
    assert len(changed_lines(sent, world.out(sent)[0].data)) == 1  # the Via


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_c46_digest_still_verifies(algorithm):
    def digest(text: str) -> str:
        return hashlib.new(algorithm, text.encode(), usedforsecurity=False).hexdigest()

    uri = "sip:provider.example"
    response = digest(f"{digest('101:realm:secret')}:n:00000001:c:auth:{digest(f'REGISTER:{uri}')}")
    credentials = (
        f'Digest username="101", uri="{uri}", nonce="n", nc=00000001, cnonce="c", qop=auth, response="{response}"'
    )
    world = World()
    (left,) = world.out(request("REGISTER", f"Authorization: {credentials}", f"Contact: <sip:101@{PHONE}>", uri=uri))
    assert header(left.data, "Authorization") == credentials
    assert left.data.split(b" ")[1].decode() == uri  # what the server computes the hash of


def test_c46_description_that_a_digest_covers_passes_as_it_is():
    world = World()
    body = sdp(PHONE.host, 14000)
    credentials = 'Digest username="101", qop=auth-int, nc=00000001, cnonce="c", response="0"'
    signed = invite(body=body).replace(b"Max-Forwards", f"Authorization: {credentials}\r\nMax-Forwards".encode())
    (left,) = world.out(signed)
    assert body_of(left.data) == body
    assert "qop=auth-int" in str(world.call()["warning"])
    world.into(respond(left.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.open == {}


def test_c48_every_contact_is_reached():
    world = World()
    for user in range(101, 106):
        world.registered(user=str(user))
    other = world.register(source=OTHER_PHONE, user="101").source
    assert world.into(incoming("a"))[0].destination == PHONE
    assert world.into(incoming("b"), to=other)[0].destination == OTHER_PHONE
    assert len(world.engine.rows("registrations", world.now)) == 5


def test_c49_new_address_is_used_at_once_and_old_calls_are_marked():
    world = World()
    world.registered()
    established(world)
    changed = policy(interfaces=(policy().interfaces[0], Interface("wan0", Side.EXTERNAL, ("203.0.113.7",))))
    world.policy(changed)
    assert world.open == {}
    assert world.call()["reason"] == "our address changed"
    assert header(world.register().data, "Contact").startswith("<sip:101@203.0.113.7:5060>")
    assert world.into(incoming())[0].data.startswith(b"SIP/2.0 480 ")  # to the old address


def test_c52_stranger_is_dropped_and_the_second_target_of_the_provider_is_not():
    world = World()
    world.registered()
    assert world.into(incoming("x"), source=STRANGER) == []
    assert world.engine.counts["dropped:no-rule"] == 1
    (reached,) = world.into(incoming("y"), source=Endpoint("203.0.113.3", 5060))
    assert reached.destination == PHONE


def test_c59_options_pass_both_ways():
    world = World()
    world.registered()
    (sent,) = world.out(request("OPTIONS", f"Contact: <sip:101@{PHONE}>"))
    (back,) = world.into(respond(sent.data, 200, "OK", tag="x"))
    assert back.destination == PHONE
    (reached,) = world.into(incoming("ping", method="OPTIONS"))
    (answered,) = world.out(respond(reached.data, 200, "OK", tag="y"))
    assert answered.destination == PROVIDER


def test_c60_flood_from_a_stranger_leaves_no_state():
    world = World()
    world.registered()
    established(world)
    for number in range(2000):
        assert world.into(incoming(f"scan-{number}"), source=STRANGER) == []
        assert world.into(incoming(f"scan-{number}"), to=Endpoint(OURS, 30000 + number % 9), source=STRANGER) == []
    assert len(world.engine.rows("calls", world.now)) == 1
    assert world.engine.counts["dropped:no-rule"] + world.engine.counts["dropped:no-mapping"] == 4000


def test_c62_message_without_an_address_of_ours_is_identical():
    world = World()
    probe = request("OPTIONS", "Contact: <sip:detector@8f3a.example:5099>").replace(
        f"UDP {PHONE}".encode(), b"UDP 8f3a.example:5099"
    )
    assert world.out(probe)[0].data == probe
