# SPDX-License-Identifier: GPL-2.0-or-later
"""What real telephones, telephone systems and providers write: rows of header fields and of descriptions.

In a row stands `{own}` for the telephone's host and port, `{ip}` for its host, `{p0}` for a media port of its, `{r0}`
for the one behind that: inside its own, outside ours. Whatever else stands in a row is nobody's to change.
"""

from __future__ import annotations

import re

import pytest

from sipalg_core.net import Endpoint
from tests.unit.alg.dialects import DESCRIBED, Row
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OURS,
    PHONE,
    World,
    body_of,
    header,
    incoming,
    invite,
    message,
    respond,
    sdp,
)
from tests.unit.alg.test_complaints_signalling import request

INSIDE = {"own": f"{PHONE}", "ip": PHONE.host}
OUTSIDE = {"own": f"{OURS}:5060", "ip": OURS}
INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-0015654A5D1F>"'

# --- Header fields ---

ROUTED = {
    "yealink": f"Contact: <sip:101@{{own}};transport=udp>;reg-id=1;{INSTANCE}",
    "3cx": "Contact: <sip:101@{own};rinstance=9f3c7f4e3e6b4c1a;transport=UDP>",
    "fritzbox": "Contact: <sip:620@{own};uniq=2D4F6C>",
    "snom": f"Contact: <sip:101@{{own}};line=kq1zx9w0>;reg-id=1;q=1.0;{INSTANCE};audio;mobility=\"fixed\";"
    'duplex="full";description="snom870";actor="principal";events="dialog";methods="INVITE,ACK,CANCEL,BYE,REFER"',
    "grandstream": f"Contact: <sip:101@{{own}}>;reg-id=1;{INSTANCE};expires=3600",
    "asterisk": "Contact: <sip:s@{own}>",
    "freeswitch": 'Contact: "gw" <sip:gw+telekom@{own};transport=udp;gw=telekom>',
    "linphone": f"Contact: <sip:101@{{own}};transport=udp;gr=urn:uuid:4e1;ob>;{INSTANCE};+org.linphone.specs=ephemeral",
    "display-name-is-an-address": 'Contact: "192.168.0.10:5060" <sip:101@{own}>',
    "user-is-an-address": "Contact: <sip:192.168.0.10@{own}>",
    "compact-and-folded": "m:\r\n <sip:101@{own}>\r\n\t;expires=60",
    "no-angles": "Contact: sip:101@{own};q=0.7",
    "two-contacts": "Contact: <sip:101@{own}>;q=1.0 ,<sip:101@198.51.100.7:5062>;q=0.5",
    "record-route-of-a-proxy-behind-us": "Record-Route: <sip:{own};lr;ftag=as5;did=1.2>, <sip:10.1.1.1;lr>",
    "path": "Path: <sip:101@{own};lr;ob>",
    "maddr": "Contact: <sip:101@{own};transport=udp;maddr={ip}>",
    "maddr-behind-a-name": "Path: <sip:proxy.example;lr;MADDR={ip}>, <sip:far.example;maddr=10.1.1.1;lr>",
    "maddr-of-a-proxy-behind-us": "Record-Route: <sip:proxy.example:5060;maddr={ip};lr>",
}  # fmt: skip


def first_line(data: bytes, name: str) -> bytes:
    """The header field with its folds, and with its name."""
    found = re.search(rb"(?m)^(?:%s)[ \t]*:.*\r\n(?:[ \t].*\r\n)*" % name.encode(), data)
    assert found, data
    return found[0].removesuffix(b"\r\n")


def passed(world: World, line: str, *, inward: bool) -> bytes:
    """The line as it arrives on the other side."""
    if inward:
        sent = incoming(method="SUBSCRIBE").replace(b"Record-Route:", line.encode() + b"\r\nRecord-Route:")
    else:
        contact = () if line.lower().startswith(("contact", "m:")) else (f"Contact: <sip:101@{PHONE}>",)
        sent = request("SUBSCRIBE", line, *contact)
    (left,) = world.into(sent) if inward else world.out(sent)
    return first_line(left.data, line.partition(":")[0])


@pytest.mark.parametrize("row", ROUTED.values(), ids=ROUTED)
def test_address_that_is_sent_to_becomes_ours_and_nothing_else(row):
    world = World()
    assert passed(world, row.format(**INSIDE), inward=False).decode() == row.format(**OUTSIDE)


@pytest.mark.parametrize("row", [each for each in ROUTED.values() if each.startswith(("Record-Route", "Path"))])
def test_address_that_is_sent_to_comes_back_as_it_was(row):
    world = World()
    world.registered()
    assert passed(world, row.format(**OUTSIDE), inward=True).decode() == row.format(**INSIDE)


NAMED = {
    "preferred": "P-Preferred-Identity: <sip:101@{ip}>",
    "asserted-with-tel": 'P-Asserted-Identity: "Büro" <sip:101@{ip}>, <tel:+4930123456;phone-context=example.com>',
    "cisco": 'Remote-Party-ID: "101" <sip:101@{ip}>;party=calling;id-type=subscriber;privacy=off;screen=yes',
    "diverted": "Diversion: <sip:101@{ip};user=phone>;privacy=off;reason=unconditional;counter=1",
    "history": "History-Info: <sip:200@provider.example?Privacy=history&Reason=SIP%3Bcause%3D302>;index=1, "
    "<sip:101@{ip};cause=302>;index=1.1;mp=1",
    "referred": "Referred-By: <sip:101@{ip}>",
    "reply": "Reply-To: <sip:101@{ip}>",
    "maddr": "Reply-To: <sip:101@office.example;maddr={ip}>",
}  # fmt: skip


@pytest.mark.parametrize("row", NAMED.values(), ids=NAMED)
def test_address_that_names_somebody_loses_its_host_only(row):
    assert passed(World(), row.format(**INSIDE), inward=False).decode() == row.format(**OUTSIDE)


NOBODYS = {
    "mwi": "Event: message-summary",
    "lamps": "Event: dialog;call-id=\"a@192.168.0.10\";include-session-description",
    "replaces": "Replaces: 12adf2f34456gs5@192.168.0.10;to-tag=12345;from-tag=54321;early-only",
    "target-dialog": "Target-Dialog: 12adf@192.168.0.10;local-tag=1;remote-tag=2",
    "digest": 'Authorization: Digest username="101",realm="provider.example",nonce="b7c9",uri="sip:192.168.0.10:5060",'
    'response="6629fae49393a05397450978507c4ef1",algorithm=MD5,cnonce="0a4f",qop=auth,nc=00000001',
    "call-info": "Call-Info: <http://192.168.0.10/photo.jpg>;purpose=icon",
    "alert-info": "Alert-Info: <http://192.168.0.10/Bellcore-dr2>;info=alert-internal",
    "agent": "User-Agent: FRITZ!OS (192.168.0.10)",
    "access-network": "P-Access-Network-Info: IEEE-802.3ah;eth-location=\"192.168.0.10:5060\";network-provided",
    "security": "Security-Client: ipsec-3gpp;alg=hmac-sha-1-96;spi-c=1;spi-s=2;port-c=5060;port-s=5061",
    "accept-contact": 'Accept-Contact: *;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"',
    "charging": "P-Charging-Vector: icid-value=192.168.0.10-1;icid-generated-at=192.168.0.10",
    "user-to-user": "User-to-User: 00a1b2c3;encoding=hex;purpose=isdn-uui;content=isdn-uui",
    "called-party": "P-Called-Party-ID: <sip:+4930123456@provider.example;user=phone>",
    "associated": "P-Associated-URI: <sip:+4930123456@provider.example>, <tel:+4930123456>",
    "early-media": "P-Early-Media: supported, gated",
    "location": "Geolocation: <cid:target@192.168.0.10>;routing-allowed=yes",
    "maddr-of-others": "Record-Route: <sip:proxy.example;lr;maddr=192.168.0.11>, <sip:a@b.example;maddr=b.example>",
    "maddr-in-a-user-or-a-header": "Record-Route: <sip:a;maddr=192.168.0.10@b.example?Subject=;maddr=192.168.0.10>",
    "route-of-the-provider": "Route: <sip:192.168.0.11;lr>, <sip:[2001:db8::1]:5060;lr>",
    "session-id": "Session-ID: ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000",
    "session-timer": "x: 1800;refresher=uac",
    "reason": 'Reason: Q.850;cause=16;text="192.168.0.10"',
    "warning": 'Warning: 399 192.168.0.10 "codec"',
    "timestamp": "Timestamp:  54.21  ",
    "empty": "Supported:",
}  # fmt: skip


@pytest.mark.parametrize("row", NOBODYS.values(), ids=NOBODYS)
def test_what_is_nobodys_passes_octet_by_octet(row):
    world = World()
    world.registered()
    for inward in (False, True):
        assert passed(world, row, inward=inward).decode().rstrip() == row.rstrip()


def test_refer_to_a_call_that_is_replaced_keeps_the_name_of_that_call():
    row = "Refer-To: <sip:102@{own}?Replaces=a84b%40192.168.0.10%3Bto-tag%3D1%3Bfrom-tag%3D2&Require=replaces>"
    assert passed(World(), row.format(**INSIDE), inward=False).decode() == row.format(**OUTSIDE)


# --- Descriptions ---

ANSWER = f"v=0\no=- 9 9 IN IP4 {MEDIA_PROXY.host}\ns=-\nc=IN IP4 {MEDIA_PROXY.host}\nt=0 0\n"
OWN_PORTS = (14000, 14010, 14020)


def written(text: str, ends: str = "\r\n") -> bytes:
    return text.replace("\n", ends).encode()


def as_ours(row: Row, ports: list[int], where: dict[str, str]) -> str:
    named = {f"p{line}": port for line, port in enumerate(ports)} | {
        f"r{line}": port + 1 for line, port in enumerate(ports)
    }
    return row.ours.format(**where, **named)


def announced_for(row: Row, left: bytes) -> list[int]:
    """The port that stands outside for each of the telephone's."""
    inside, outside = row.ours.splitlines(), body_of(left).decode().splitlines()
    found = {}
    for mine, theirs in zip(inside, outside, strict=True):
        if mine.startswith("m=") and (place := re.search(r"\{p(\d)\}", mine)):
            found.setdefault(int(place[1]), int(theirs.split()[1]))
    return [found[line] for line in sorted(found)]


def expected_holes(row: Row, ours: list[int]) -> set[tuple[str, str, str]]:
    lines = [re.search(r"\{p(\d)\}", each) for each in row.ours.splitlines() if each.startswith("m=")]
    holes = set()
    for line, component, port in row.opens:
        place, more = int(lines[line][1]), component == "rtcp"  # type: ignore[index]  # a row that says so has one
        holes.add(
            (f"{PHONE.host}:{OWN_PORTS[place] + more}", f"{OURS}:{ours[place] + more}", f"{MEDIA_PROXY.host}:{port}")
        )
    return holes


@pytest.mark.parametrize("ends", ["\r\n", "\n"], ids=["crlf", "lf"])
@pytest.mark.parametrize("row", DESCRIBED.values(), ids=DESCRIBED)
def test_offer_of_a_telephone_is_announced_as_ours_and_opens_what_is_agreed(row, ends):
    world = World()
    (left,) = world.out(invite(body=written(as_ours(row, OWN_PORTS, INSIDE), ends)))
    ours = announced_for(row, left.data)
    assert body_of(left.data) == written(as_ours(row, ours, OUTSIDE), ends)
    assert int(header(left.data, "Content-Length")) == len(body_of(left.data))
    answer = written(ANSWER + row.theirs, ends)
    (back,) = world.into(respond(left.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=answer))
    assert body_of(back.data) == answer
    assert world.holes() == expected_holes(row, ours)
    ended(world, invite(method="BYE", cseq=2, to_tag="b"), inward=False)


@pytest.mark.parametrize("row", DESCRIBED.values(), ids=DESCRIBED)
def test_answer_of_a_telephone_is_announced_as_ours_and_opens_what_is_agreed(row):
    world = World()
    world.registered()
    offer = written(ANSWER + row.theirs)
    (reached,) = world.into(incoming(body=offer))
    assert body_of(reached.data) == offer
    reply = respond(reached.data, 200, "OK", tag="a", contact=f"<sip:101@{PHONE}>",
                    body=written(as_ours(row, OWN_PORTS, INSIDE)))  # fmt: skip
    (left,) = world.out(reply)
    ours = announced_for(row, left.data)
    assert body_of(left.data) == written(as_ours(row, ours, OUTSIDE))
    assert world.holes() == expected_holes(row, ours)
    ended(world, incoming(method="BYE", cseq=2, to_tag="a"), inward=True)


def ended(world: World, bye: bytes, *, inward: bool) -> None:
    (world.into if inward else world.out)(bye)
    world.wait(6)
    assert (world.open, world.engine.rows("pinholes", world.now)) == ({}, [])


# --- Flows ---


def test_session_interval_that_is_too_small_is_asked_for_again_on_the_same_port():
    """RFC 4028 §6: 422, ACK, and the INVITE once more with Min-SE."""
    world = World()
    (first,) = world.out(invite(body=sdp(PHONE.host, 14000)).replace(b"Max-F", b"Session-Expires: 60\r\nMax-F"))
    world.into(
        respond(first.data, 422, "Session Interval Too Small", tag="r").replace(b"Content", b"Min-SE: 900\r\nContent")
    )
    world.out(invite(method="ACK", to_tag="r", branch="call-1-1-INVITE"))
    again = invite(cseq=2, body=sdp(PHONE.host, 14000)).replace(
        b"Max-F", b"Session-Expires: 900\r\nMin-SE: 900\r\nMax-F"
    )
    (second,) = world.out(again)
    assert body_of(second.data) == body_of(first.data)
    world.into(respond(second.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert (world.call()["state"], len(world.open)) == ("in_call", 2)


def test_early_media_that_moves_is_followed_and_the_last_place_stays():
    """Announcement, then ringing from another port, then the answer from a third: all with one tag."""
    world = World()
    (left,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    for status, port in ((183, 7000), (180, 7100), (183, 7200), (200, 7300)):
        world.into(respond(left.data, status, "X", tag="b", body=sdp(MEDIA_PROXY.host, port)))
        assert {external for *_, external in world.holes()} == {
            f"{MEDIA_PROXY.host}:{each}" for each in (port, port + 1)
        }


def test_offer_that_the_provider_is_asked_for_in_a_running_call_is_answered_in_the_ack():
    """A telephone system that puts two calls together asks each side for an offer: re-INVITE without a description."""
    world = World()
    (left,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(left.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    world.out(invite(method="ACK", to_tag="b", branch="ack"))
    held = world.holes()
    (asked,) = world.out(invite(cseq=2, to_tag="b"))
    world.into(respond(asked.data, 200, "OK", tag="b", body=sdp(MEDIA_PROXY.host, 7100)))
    assert world.holes() == held  # nothing is agreed before the ACK
    (ack,) = world.out(
        invite(method="ACK", cseq=2, to_tag="b", branch="ack-2", body=sdp(PHONE.host, 14000, "a=sendrecv"))
    )
    assert PHONE.host.encode() not in body_of(ack.data)
    assert {external for *_, external in world.holes()} == {f"{MEDIA_PROXY.host}:7100", f"{MEDIA_PROXY.host}:7101"}


def test_mailbox_is_subscribed_to_and_told_of_and_its_text_is_nobodys():
    world = World()
    world.registered()
    (sent,) = world.out(request("SUBSCRIBE", f"Contact: <sip:101@{PHONE}>", "Event: message-summary", "Expires: 3600"))
    world.into(respond(sent.data, 200, "OK", tag="mwi", expires=3600))
    text = b"Messages-Waiting: yes\r\nMessage-Account: sip:101@203.0.113.2:5060\r\nVoice-Message: 2/8 (0/2)\r\n"
    notify = message(
        f"NOTIFY sip:101@{OURS}:5060 SIP/2.0", "Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bKmwi",
        "From: <sip:200@provider.example>;tag=mwi", "To: <sip:101@provider.example>;tag=a", "Call-ID: one@192.168.0.10",
        "CSeq: 1 NOTIFY", "Event: message-summary", "Subscription-State: active;expires=3600", body=text,
    ).replace(b"application/sdp", b"application/simple-message-summary")  # fmt: skip
    (told,) = world.into(notify)
    assert told.destination == PHONE
    assert told.data.startswith(f"NOTIFY sip:101@{PHONE} SIP/2.0\r\n".encode())
    assert body_of(told.data) == text


def test_rport_tells_a_phone_at_another_port_that_port():
    world = World()
    at = Endpoint(PHONE.host, 5070)
    (sent,) = world.out(invite().replace(str(PHONE).encode(), str(at).encode()), source=at)
    ours = sent.source.port
    assert ours != 5070
    reply = respond(sent.data, 180, "Ringing").replace(b";rport", f";received={OURS};rport={ours}".encode())
    (back,) = world.into(reply, to=sent.source)
    assert header(back.data, "Via").endswith(f";received={PHONE.host};rport=5070")
