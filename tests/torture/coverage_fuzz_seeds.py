# SPDX-License-Identifier: GPL-2.0-or-later
"""Where `coverage_fuzz` begins: the torture messages, and what a call is made of."""

from __future__ import annotations

from pathlib import Path

from tests.unit.alg.harness import MEDIA_PROXY, PHONE, World, incoming, invite, respond, sdp

TORTURE = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*/*.sip"))]
OFFER = sdp(PHONE.host, 14000, "a=rtcp:14003", "a=sendonly", "m=video 14002/1 RTP/AVP 31", "c=IN IP6 ::1")
ICE = sdp(PHONE.host, 14000, "a=candidate:1 1 UDP 2130706431 192.168.0.10 14000 typ host", "a=rtcp-mux",
          "a=altc:1 IP4 192.168.0.10 14000/14001", "a=altc:2 IP6 2001:db8::1 7")  # fmt: skip


def course(tag: str = "b") -> bytes:
    """A call as two parties speak in turn: the target parts them by two NULs. Without a tag the INVITE comes again."""
    world, said = World(), []
    again, goodbye = invite(cseq=2, body=ICE, to_tag=tag), invite(cseq=3, method="BYE", to_tag="b")
    for data, answered in ((invite(body=OFFER), 183), (again, 200), (goodbye, 200)):
        (sent,) = world.out(data)
        reply = respond(sent.data, answered, "x", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY))
        world.into(reply)
        said += [data, reply]
    return b"\0\0".join(said)


SEEDS = {
    "framing": [
        *TORTURE, TORTURE[0] + b"\r\n\r\n" + TORTURE[1], b"POST / HTTP/1.1\r\n\r\n", b"\x16\x03\x01",
        b"\xae\xb0 / HTTP/1.1\r\n\r\n",
    ],
    "message": [*TORTURE, invite(body=OFFER)],
    "headers": [
        b'"A, \\"B" <sip:a@[2001:db8::1]:5060;lr>;tag=1, sips:b@x',
        b"SIP / 2.0 / UDP h:5060 ; branch=z9hG4bK1;rport, SIP/2.0/TCP [::1]",
        b"sip:a:b@192.168.0.10:5060;transport=tcp?x=y", b"*", b"<sip:a@b;maddr=192.168.0.10>, sip:b@[::1]",
    ],
    "sdp": [OFFER, ICE, sdp(*MEDIA_PROXY)],
    "engine": [*TORTURE, course(), course(tag=""), b"\r\n\0\0" + incoming(body=sdp(*MEDIA_PROXY))],
}  # fmt: skip
