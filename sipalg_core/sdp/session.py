# SPDX-License-Identifier: GPL-2.0-or-later
"""A session description: which media it offers or answers, at which addresses, and where that stands in the bytes.

Rules of this file: spans are indexes into the whole message; only addresses, ports, direction and codec are read.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sipalg_core.sip.grammar import LWS, Span, decimal, host_address

CONTENT_TYPE: Final = b"application/sdp"
MAX_MEDIA: Final = 64
DIRECTIONS: Final = frozenset((b"sendrecv", b"sendonly", b"recvonly", b"inactive"))

# RFC 3551 table 4: payload types that need no rtpmap.
STATIC_PAYLOADS: Final = {b"0": "PCMU", b"3": "GSM", b"4": "G723", b"8": "PCMA", b"9": "G722", b"18": "G729"}


class SdpError(ValueError):
    """The body is no session description that we may act on; `reason` is a constant word."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Address(NamedTuple):
    """`IN IP4 192.0.2.1`: the address literal and where it stands; `host` is None for a name."""

    host: str | None
    span: Span


class Rtcp(NamedTuple):
    """a=rtcp (RFC 3605): a port, and an address where it differs from the media's."""

    port: int
    port_span: Span
    address: Address | None


class Alternative(NamedTuple):
    """a=altc (RFC 6947): an endpoint that may be used instead of the one of c= and m=, which it often repeats."""

    address: Address
    port: int
    port_span: Span
    rtcp: int  # 0 where it says none
    rtcp_span: Span


@dataclass(slots=True)
class Media:
    """One m= line and what belongs to it."""

    kind: bytes  # "audio"
    port: int  # 0: refused or switched off (RFC 3264 §5.1)
    port_span: Span
    ports: int  # number of ports, 1 but for "49170/2"
    protocol: bytes  # "RTP/AVP"
    formats: list[bytes]
    connection: Address | None = None  # its own c=, else the session's
    rtcp: Rtcp | None = None
    rtcp_mux: bool = False
    direction: bytes = b"sendrecv"
    has_candidates: bool = False
    alternatives: list[Alternative] = field(default_factory=list)
    rtpmaps: list[bytes] = field(default_factory=list)  # "8 PCMA/8000"

    @property
    def is_rtp(self) -> bool:
        return b"RTP/" in self.protocol

    def codec(self) -> str:
        """The name of the first format, "" where it has none."""
        first = self.formats[0] if self.formats else b""
        for rtpmap in self.rtpmaps:
            payload, _, encoding = rtpmap.partition(b" ")
            if payload == first:
                return encoding.partition(b"/")[0].decode("ascii", "replace")
        return STATIC_PAYLOADS.get(first, "")


@dataclass(slots=True)
class Session:
    origin: Address | None = None
    connection: Address | None = None
    direction: bytes = b"sendrecv"
    media: list[Media] = field(default_factory=list)


def parse(data: bytes, start: int, end: int) -> Session:
    """Read the description in this range of a message, or raise SdpError."""
    if data[start : start + 2] != b"v=":
        raise SdpError("no-version")
    session = Session()
    at = start
    for line in data[start:end].split(b"\n"):
        read = _LINES.get(line[:2])
        if read is not None:
            read(session, line[2:].removesuffix(b"\r"), at + 2)
        elif not _may_be_ignored(line):
            raise SdpError("no-line")
        at += len(line) + 1
    for media in session.media:
        media.connection = media.connection or session.connection
        if media.connection is None and media.port:
            raise SdpError("no-connection")  # RFC 8866 §5.7: somebody has damaged it before us
    return session


def _connection(session: Session, text: bytes, at: int) -> None:
    address = _address(text, at)
    if not session.media:
        session.connection = address
    elif session.media[-1].connection is not None:
        raise SdpError("several-connections")  # RFC 8866 §5.7 allows it for multicast layers only
    else:
        session.media[-1].connection = address


def _origin(session: Session, text: bytes, at: int) -> None:
    """Deviation: RFC 8866 §5.2 has five words before the address; gateways write more and less, and no media hangs on
    any. The address is what stands last."""
    text = text.rstrip(LWS)
    skipped = len(text) - len(b" ".join(text.split(b" ")[-3:]))
    with suppress(SdpError):
        session.origin = session.origin or _address(text[skipped:], at + skipped)


def _address(text: bytes, at: int) -> Address:
    """`nettype addrtype address`. Blanks may follow: telephones write them, and they can be read in one way only."""
    text = text.rstrip(LWS)
    words, end = text.split(b" "), at + len(text)
    if len(words) != 3 or words[0] != b"IN" or words[1] not in (b"IP4", b"IP6"):
        raise SdpError("address")
    host = words[2].partition(b"/")[0]  # a TTL or a count may follow (RFC 8866 §5.7)
    start = end - len(words[2])
    literal = b"[%s]" % host if words[1] == b"IP6" else host
    return Address(host_address(literal), Span(start, start + len(host)))


def _media(session: Session, text: bytes, at: int) -> None:
    words = text.split(b" ")
    if len(words) < 4:
        raise SdpError("media-line")
    if len(session.media) >= MAX_MEDIA:
        raise SdpError("too-many-media")
    number, _, count = words[1].partition(b"/")
    port = decimal(number, 5)
    ports = decimal(count, 5) if count else 1
    if port is None or port > 65535 or not ports:
        raise SdpError("media-port")
    start = at + len(words[0]) + 1
    formats = [word for word in words[3:] if word]
    span = Span(start, start + len(number))
    session.media.append(Media(words[0], port, span, ports, words[2], formats, direction=session.direction))


def _attribute(session: Session, text: bytes, at: int) -> None:
    name, _, value = text.rstrip(LWS).partition(b":")
    if name in DIRECTIONS:
        (session.media[-1] if session.media else session).direction = name
    elif session.media:
        media = session.media[-1]
        if name == b"rtpmap":
            media.rtpmaps.append(value)
        elif name == b"rtcp-mux":
            media.rtcp_mux = True
        elif name == b"candidate":
            media.has_candidates = True
        elif name == b"rtcp":
            media.rtcp = _rtcp(value, at + 5)
        elif name == b"altc":
            media.alternatives += _alternative(value, at + 5)


def _alternative(text: bytes, at: int) -> list[Alternative]:
    """`altc-num addrtype connection-address port["/" rtcp-port]` (RFC 6947); [] where it is none, since no media
    hangs on it."""
    words = text.split(b" ")
    if len(words) != 4 or words[1] not in (b"IP4", b"IP6"):
        return []
    host = host_address(b"[%s]" % words[2] if words[1] == b"IP6" else words[2])
    number, slash, second = words[3].partition(b"/")
    port, rtcp = decimal(number, 5), decimal(second, 5) if slash else 0
    if port is None or rtcp is None:
        return []
    where = at + len(words[0]) + len(words[1]) + 2
    behind = where + len(words[2]) + 1
    then = behind + len(number) + 1
    address = Address(host, Span(where, where + len(words[2])))
    return [Alternative(address, port, Span(behind, behind + len(number)), rtcp, Span(then, then + len(second)))]


_LINES: Final = {b"a=": _attribute, b"c=": _connection, b"m=": _media, b"o=": _origin}
"""The lines that are read: each takes the text behind the equals sign, and where that begins."""


def _may_be_ignored(line: bytes) -> bool:
    """Deviation: RFC 8866 §5 would refuse a description with an unknown letter; GB/T 28181 has y= and f=."""
    return line in (b"", b"\r") or (line[1:2] == b"=" and line[:1].islower())


def _rtcp(text: bytes, at: int) -> Rtcp:
    number, _, rest = text.partition(b" ")
    port = decimal(number, 5)
    if port is None or port > 65535:
        raise SdpError("rtcp-port")
    address = _address(rest, at + len(number) + 1) if rest.strip(LWS) else None
    return Rtcp(port, Span(at, at + len(number)), address)
