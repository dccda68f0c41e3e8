# SPDX-License-Identifier: GPL-2.0-or-later
"""What users complain of in messages (sip-alg reference, section 3), on the wire: header fields and bindings.

`Wire.cross` compares every octet of every message; what is asserted here is what must have changed.
"""

from __future__ import annotations

import hashlib

import pytest

from tests.lab.wire.messages import DOMAIN, answer, body_of, endpoint_of, header, headers, message, sdp, uri_of
from tests.lab.wire.parties import both_ways
from tests.lab.wire.rig import Wire
from tests.lab.wire.variants import udp_only

pytestmark = pytest.mark.lab

METHODS = (
    "ACK", "BYE", "CANCEL", "INFO", "INVITE", "MESSAGE", "NOTIFY", "OPTIONS", "PRACK", "PUBLISH", "REFER", "REGISTER",
    "SUBSCRIBE", "UPDATE", "FLY",
)  # fmt: skip
ANY = (
    'Warning: 399 192.168.0.10 "fd00:a::10"',
    "X-Unknown: 192.168.0.10, [fd00:a::10]:5060 and 10.1.2.3",
    "x-ODD :  =;,",
)


def probed(wire: Wire, method: str, *heads: str, **how: object) -> bytes:
    """A request of the phone outside of any dialog, as the provider gets it."""
    dialog = wire.dialog(wire.a)
    dialog.branch = "z9hG4bKprobe"
    sent = wire.request(wire.a, dialog, method, *heads, **how)
    return wire.cross(wire.a, sent, wire.b, wire.b.at)


def replied(wire: Wire, request: bytes, status: int = 200, *heads: str) -> bytes:
    return wire.cross(wire.b, answer(request, status, *heads, tag="far"), wire.a)


def test_c01_every_method_changes_only_owned_addresses(wire: Wire):
    for method in METHODS:
        left = probed(wire, method, *ANY)
        assert endpoint_of(f"x@{header(left, 'via').split()[1].partition(';')[0]}").host == wire.ours
        for contact in headers(left, "contact"):
            assert endpoint_of(uri_of(contact)).host == wire.ours
        if method == "INVITE":
            replied(wire, left, 486)
        elif method not in ("ACK", "CANCEL"):
            replied(wire, left)


def test_c01_every_method_inward_changes_only_our_mappings(wire: Wire):
    contact = wire.register(wire.a)
    for method in METHODS:
        if method == "REGISTER":
            continue
        dialog = wire.called(contact)
        dialog.branch = "z9hG4bKprobe"
        sent = wire.request(wire.b, dialog, method, *ANY)
        reached = wire.cross(wire.b, sent, wire.a, endpoint_of(dialog.target))
        assert str(wire.a.at) in reached.split(b" ")[1].decode()
        if method not in ("ACK", "CANCEL"):
            wire.cross(wire.a, answer(reached, 486 if method == "INVITE" else 200, tag="near"), wire.b, wire.b.at)


def test_c06_ack_leaves_with_the_route_and_target_of_the_200(wire: Wire):
    proxy, target = f"<sip:{wire.b.at};lr>", "<sip:200@198.51.100.77:5062>"
    call = wire.call()
    call.begin(sdp(wire.at("a").host, 14000))
    call.respond(200, f"Record-Route: {proxy}", body=sdp(wire.at("m").host, 7000))
    call.dialog.target, call.dialog.route = uri_of(target), (proxy,)
    ack = call.acknowledge()
    assert ack.startswith(b"ACK sip:200@198.51.100.77:5062 SIP/2.0\r\n")
    assert header(ack, "route") == proxy
    if wire.alg:
        assert wire.row(call.dialog.call_id)["warning"] == ""
    call.hang_up()


def test_c06_missing_ack_is_told_while_the_answer_is_repeated(wire: Wire):
    call = wire.call()
    call.begin(sdp(wire.at("a").host, 14000))
    for _ in range(3):
        call.respond(200, body=sdp(wire.at("m").host, 7000))
    row = wire.row(call.dialog.call_id)
    assert row["warning"] == "the ACK is missing; without it the call is cut after 32 s"
    call.acknowledge()
    assert wire.row(call.dialog.call_id)["warning"] == ""
    call.hang_up()


def test_c30_compact_headers_work_and_stay_compact(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.call()
    sent = wire.request(wire.a, call.dialog, "INVITE", body=sdp(phone.at.host, 14000))
    for name, short in (
        (b"Via:", b"v:"), (b"From:", b"f:"), (b"To:", b"t:"), (b"Call-ID:", b"I:"), (b"Contact:", b"m :"),
        (b"Content-Type:", b"c:"), (b"Content-Length:", b"l\t:"),
    ):  # fmt: skip
        sent = sent.replace(name, short)
    call.take_invite(wire.cross(wire.a, sent, wire.b, wire.b.at))
    assert wire.ours in header(call.invite, "m")
    call.respond(200, body=sdp(far.at.host, 7000))
    call.acknowledge()
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_c31_folded_contact_is_rewritten_where_it_stands(wire: Wire):
    sent = wire.request(
        wire.a, wire.dialog(wire.a), "OPTIONS", contact=f"\r\n\t<sip:101@{wire.a.at}>\r\n ;q=1\r\n  ;x=2"
    )
    left = wire.cross(wire.a, sent, wire.b, wire.b.at)
    assert endpoint_of(uri_of(header(left, "contact"))).host == wire.ours
    assert b"\r\n ;q=1\r\n  ;x=2\r\n" in left
    replied(wire, left)


@udp_only
def test_c32_missing_content_length_over_udp_is_not_invented(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.call()
    sent = wire.request(wire.a, call.dialog, "INVITE", body=sdp(phone.at.host, 14000))
    sent = b"\r\n".join(line for line in sent.split(b"\r\n") if not line.startswith(b"Content-Length"))
    call.take_invite(wire.cross(wire.a, sent, wire.b, wire.b.at))
    assert headers(call.invite, "content-length", "l") == []
    assert body_of(call.invite) == sdp(call.mapped.host, call.mapped.port)
    call.respond(200, body=sdp(far.at.host, 7000))
    call.acknowledge()
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_c39_routes_of_others_return_unchanged(wire: Wire):
    """Even where the address exists behind us, too."""
    route = f"<sip:10.9.9.9;lr>, <sip:{wire.at('pc')};lr>"
    call = wire.call()
    call.begin(sdp(wire.at("a").host, 14000))
    ok = call.respond(200, f"Record-Route: {route}", body=sdp(wire.at("m").host, 7000))
    assert header(ok, "record-route") == route
    call.dialog.route = (route,)
    assert header(call.acknowledge(), "route") == route
    call.hang_up()


def test_c41_path_is_ours_and_service_route_is_theirs(wire: Wire):
    left = probed(wire, "REGISTER", f"Path: <sip:{wire.a.at};lr;ob>")
    assert endpoint_of("x@" + uri_of(header(left, "path")).removeprefix("sip:")).host == wire.ours
    back = replied(wire, left, 200, f"Contact: {header(left, 'contact')}", "Service-Route: <sip:10.1.1.1;lr>")
    assert header(back, "service-route") == "<sip:10.1.1.1;lr>"
    assert header(back, "contact") == wire.contact(wire.a)


INSTANCE = ';+sip.instance="<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>";reg-id=1'


def test_c42_instance_and_gruu_survive_and_a_temporary_gruu_reaches_the_phone(wire: Wire):
    left = probed(wire, "REGISTER", contact=f"<sip:101@{wire.a.at};ob>{INSTANCE}")
    bound = header(left, "contact")
    assert bound.endswith(f";ob>{INSTANCE}")
    gruu = f"sip:tgruu.7hs@{DOMAIN};gr"
    replied(wire, left, 200, f'Contact: {bound};pub-gruu="sip:101@{DOMAIN};gr=urn:x";temp-gruu="{gruu}";expires=600')
    dialog = wire.called(bound)
    mapping, dialog.target = endpoint_of(dialog.target), gruu
    reached = wire.cross(wire.b, wire.request(wire.b, dialog, "INVITE"), wire.a, mapping)
    assert reached.startswith(f"INVITE {gruu} SIP/2.0\r\n".encode())
    wire.cross(wire.a, answer(reached, 486, tag="near"), wire.b, wire.b.at)


def test_c43_bulk_registration_reaches_every_number(wire: Wire):
    """RFC 6140: one contact without a user for a block of numbers."""
    left = probed(wire, "REGISTER", "Require: gin", contact=f"<sip:{wire.a.at};bnc>;expires=600")
    bound = uri_of(header(left, "contact"))
    assert bound.endswith(";bnc")
    replied(wire, left, 200, f"Contact: {header(left, 'contact')}")
    mapping = bound.removeprefix("sip:").removesuffix(";bnc")
    for number in ("+4989123", "+49891239"):
        dialog = wire.called(f"<sip:{number}@{mapping}>")
        reached = wire.cross(wire.b, wire.request(wire.b, dialog, "INVITE"), wire.a, endpoint_of(dialog.target))
        assert reached.startswith(f"INVITE sip:{number}@{wire.a.at} SIP/2.0\r\n".encode())
        wire.cross(wire.a, answer(reached, 486, tag="near"), wire.b, wire.b.at)


def test_c44_attended_transfer_names_us_and_keeps_replaces(wire: Wire):
    call = wire.establish(sdp(wire.at("a").host, 14000), sdp(wire.at("m").host, 7000))
    embedded = f"Replaces=call%40{wire.at('a').host}%3Bto-tag%3D1%3Bfrom-tag%3D2"
    refer = call.ask("REFER", f"Refer-To: <sip:x@{wire.a.at}?{embedded}>", f"Referred-By: <sip:101@{wire.a.at}>")
    target = uri_of(header(refer, "refer-to"))
    assert target.endswith(f"?{embedded}")
    assert endpoint_of(target.partition("?")[0]).host == wire.ours
    call.reply(refer, 202)
    note = call.ask("NOTIFY", "Event: refer", body=b"SIP/2.0 100 Trying\r\n", back=True, kind="message/sipfrag")
    call.reply(note, 200, back=True)
    replaces = f"{call.dialog.call_id};to-tag={call.dialog.local_tag};from-tag=callee"
    dialog = wire.called(target.partition("?")[0], user="x")
    sent = wire.request(wire.b, dialog, "INVITE", f"Replaces: {replaces}")
    reached = wire.cross(wire.b, sent, wire.a, endpoint_of(dialog.target))
    assert header(reached, "replaces") == replaces
    wire.cross(wire.a, answer(reached, 486, tag="near"), wire.b, wire.b.at)
    call.hang_up()


IDENTITIES = {
    "P-Asserted-Identity": '"Müller" <sip:101@{}>, <tel:+4989101>',
    "Diversion": "<sip:102@{}>;reason=unconditional;counter=1",
    "History-Info": "<sip:103@{}?Reason=SIP%3Bcause%3D302>;index=1.1",
    "Remote-Party-ID": "<sip:101@{}>;privacy=off",
}


def test_c45_identity_headers_lose_the_private_address_only(wire: Wire):
    def written(host: str) -> list[str]:
        return [f"{name}: {value.format(host)}" for name, value in IDENTITIES.items()]

    inside, ours = (f"[{host}]" if ":" in host else host for host in (wire.a.at.host, wire.ours))
    left = probed(wire, "MESSAGE", *written(inside))
    for line in written(ours):
        assert f"\r\n{line}\r\n".encode() in left
    replied(wire, left)
    left = probed(wire, "MESSAGE", *written(DOMAIN))
    for line in written(DOMAIN):
        assert f"\r\n{line}\r\n".encode() in left
    replied(wire, left)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
@pytest.mark.parametrize("qop", ["auth", "auth-int"])
def test_c46_digest_verifies_at_the_server(wire: Wire, algorithm: str, qop: str):
    """The server computes it of what arrived: the Request-URI, and with auth-int the description."""

    def digest(data: bytes) -> str:
        return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()

    def response(method: str, uri: str, body: bytes) -> str:
        signed = f"{method}:{uri}" + (f":{digest(body)}" if qop == "auth-int" else "")
        return digest(f"{digest(b'101:realm:secret')}:n:00000001:c:{qop}:{digest(signed.encode())}".encode())

    body, uri = sdp(wire.at("a").host, 14000), f"sip:200@{DOMAIN}"
    credentials = (
        f'Digest username="101", realm="realm", nonce="n", uri="{uri}", algorithm={algorithm}, qop={qop}, '
        f'nc=00000001, cnonce="c", response="{response("INVITE", uri, body)}"'
    )
    call = wire.call()
    invite = call.begin(body, f"Proxy-Authorization: {credentials}")
    seen = header(invite, "proxy-authorization").partition('response="')[2].partition('"')[0]
    assert seen == response("INVITE", invite.split(b" ")[1].decode(), body_of(invite))
    call.respond(486)
    call.acknowledge()


def test_c48_every_contact_is_reached(wire: Wire):
    """Five accounts of one socket, and the first of them on a second phone, too."""
    contacts = {user: wire.register(wire.a, user) for user in ("101", "102", "103", "104", "105")}
    second = wire.party("a2")
    contacts["101 again"] = wire.register(second, "101")
    assert len({endpoint_of(uri_of(contact)) for contact in contacts.values()}) == 2
    for user, contact in contacts.items():
        phone = second if user == "101 again" else wire.a
        dialog = wire.called(contact, user=user[:3])
        reached = wire.cross(wire.b, wire.request(wire.b, dialog, "INVITE"), phone, endpoint_of(dialog.target))
        assert reached.startswith(f"INVITE sip:{user[:3]}@{phone.at}".encode())
        wire.cross(phone, answer(reached, 486, tag="near"), wire.b, wire.b.at)


def test_c48_lamps_of_a_group_are_told(wire: Wire):
    """SUBSCRIBE and the NOTIFYs that follow on its dialog."""
    call = wire.call()
    call.begin_with("SUBSCRIBE", "Event: dialog", "Expires: 600")
    call.respond(200, "Expires: 600")
    for state in (b"early", b"confirmed", b"terminated"):
        lamp = b"<dialog-info><dialog><state>" + state + b"</state></dialog></dialog-info>"
        note = call.ask("NOTIFY", "Event: dialog", body=lamp, back=True, kind="application/dialog-info+xml")
        assert body_of(note) == lamp
        call.reply(note, 200, back=True)


def test_c62_message_without_an_address_of_ours_is_identical(wire: Wire):
    """What detectors of an ALG send: hashes of Call-ID and Contact, no private address."""
    probe = message(
        f"OPTIONS sip:{DOMAIN} SIP/2.0",
        f"Via: SIP/2.0/{wire.transport.upper()} 8f3a.example:5099;branch=z9hG4bK{wire.variant};alias",
        "Max-Forwards: 70",
        f"From: <sip:detector@{DOMAIN}>;tag=1",
        f"To: <sip:{DOMAIN}>",
        f"Call-ID: 9f86d081884c7d659a2feaa0c55ad015-{wire.variant}",
        "CSeq: 1 OPTIONS",
        "Contact: <sip:2c26b46b68ffc68ff99b453c1d304134@8f3a.example:5099>",
    )
    assert wire.cross(wire.a, probe, wire.b, wire.b.at) == probe
    back = answer(probe, 200, "Contact: <sip:fcde2b2edba56bf408601fb721fe9b5c@9b2c.example>", tag="x")
    assert wire.cross(wire.b, back, wire.a) == back
