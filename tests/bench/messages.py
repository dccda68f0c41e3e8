# SPDX-License-Identifier: GPL-2.0-or-later
"""What the bench sends: messages as a desk phone and its provider write them, each with its own transaction."""

from __future__ import annotations

from typing import Final

from sipalg_core.net import Endpoint
from tests.unit.alg.harness import PHONE, PROVIDER, header, respond

CALLEE_TAG: Final = "b7"
PHONE_PORT: Final = 14000
PROVIDER_MEDIA: Final = Endpoint(PROVIDER.host, 7000)
"""At the signalling peer's own address: the kernel's helper opens nothing for media of a third host."""
SDP: Final = "application/sdp"

_CODECS: Final = (
    "a=rtpmap:9 G722/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000",
    "a=fmtp:101 0-15", "a=ptime:20", "a=sendrecv",
)  # fmt: skip


def description(media: Endpoint) -> bytes:
    lines = (
        "v=0", f"o=- 20518 1 IN IP4 {media.host}", "s=-", f"c=IN IP4 {media.host}", "t=0 0",
        f"m=audio {media.port} RTP/AVP 9 8 0 101", *_CODECS,
    )  # fmt: skip
    return "".join(line + "\r\n" for line in lines).encode()


OFFER: Final = description(Endpoint(PHONE.host, PHONE_PORT))
ANSWER: Final = description(PROVIDER_MEDIA)


def request(method: str, call: str, cseq: int, *, to_tag: str = "", extra: str = "", body: bytes = b"") -> bytes:
    """A request of the phone; `extra` is whole lines."""
    return (
        f"{method} sip:200@provider.example SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {PHONE};branch=z9hG4bK-{call}-{cseq}-{method};rport\r\n"
        "Max-Forwards: 70\r\n"
        f'From: "Reception" <sip:101@provider.example>;tag=a{call}\r\n'
        f"To: <sip:200@provider.example>{';tag=' + to_tag if to_tag else ''}\r\n"
        f"Call-ID: {call}@{PHONE.host}\r\n"
        f"CSeq: {cseq} {method}\r\n"
        f"Contact: <sip:101@{PHONE};transport=udp>\r\n"
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY, REFER, UPDATE, PRACK\r\n"
        "Supported: replaces, timer\r\n"
        f"User-Agent: Deskphone/1.0\r\n{extra}"
        f"{'Content-Type: ' + SDP if body else 'Accept: ' + SDP}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def options(call: str, cseq: int) -> bytes:
    return request("OPTIONS", f"{call}{cseq}", cseq)


def register(call: str, cseq: int) -> bytes:
    """A phone refreshes its binding under one Call-ID (RFC 3261 §10.2)."""
    return request("REGISTER", call, cseq, extra="Expires: 600\r\n")


def invite(call: str, cseq: int = 1, port: int = PHONE_PORT) -> bytes:
    """Calls side by side need a media port each."""
    offer = OFFER if port == PHONE_PORT else description(Endpoint(PHONE.host, port))
    return request("INVITE", call, cseq, body=offer)


def reinvite(call: str, cseq: int) -> bytes:
    """Within the call that `answer` has set up: everything is known, nothing new is opened."""
    return request("INVITE", call, cseq, to_tag=CALLEE_TAG, body=OFFER)


def ringing(invited: bytes) -> bytes:
    return respond(invited, 180, "Ringing", tag=CALLEE_TAG, contact=f"<sip:200@{PROVIDER}>")


def answer(invited: bytes) -> bytes:
    return respond(invited, 200, "OK", tag=CALLEE_TAG, contact=f"<sip:200@{PROVIDER}>", body=ANSWER)


def accepted(received: bytes) -> bytes:
    """The registrar's 200: the Contact as it arrived."""
    return respond(received, 200, "OK", contact=header(received, "Contact"), expires=600)
