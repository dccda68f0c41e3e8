# SPDX-License-Identifier: GPL-2.0-or-later
"""A session description: which media it offers or answers, at which addresses, and where that stands in the bytes.

Rules of this file: spans are indexes into the whole message; only addresses, ports, direction and codec are read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sipalg_core.sip.grammar import Span, decimal, host_address

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
    while at < end:
        stop = data.find(b"\n", at, end)
        line_end = end if stop < 0 else stop
        last = line_end - 1 if line_end > at and data[line_end - 1] == 0x0D else line_end
        if last > at + 1:
            if data[at + 1] != 0x3D:
                raise SdpError("no-equals-sign")
            read = _LINES.get(data[at])
            if read is not None:
                read(session, data, at + 2, last)
        at = line_end + 1
    for media in session.media:
        media.connection = media.connection or session.connection
    return session


def _connection(session: Session, data: bytes, start: int, end: int) -> None:
    address = _address(data, start, end, skip=0)
    if not session.media:
        session.connection = address
    elif session.media[-1].connection is not None:
        raise SdpError("several-connections")  # RFC 8866 §5.7 allows it for multicast layers only
    else:
        session.media[-1].connection = address


def _origin(session: Session, data: bytes, start: int, end: int) -> None:
    session.origin = session.origin or _address(data, start, end, skip=3)


def _address(data: bytes, start: int, end: int, skip: int) -> Address:
    """`nettype addrtype address` behind `skip` words."""
    words = data[start:end].split(b" ")
    if len(words) != skip + 3 or words[skip] != b"IN" or words[skip + 1] not in (b"IP4", b"IP6"):
        raise SdpError("address")
    text = words[-1].partition(b"/")[0]  # a TTL or a count may follow (RFC 8866 §5.7)
    at = end - len(words[-1])
    literal = b"[%s]" % text if words[skip + 1] == b"IP6" else text
    return Address(host_address(literal), Span(at, at + len(text)))


def _media(session: Session, data: bytes, start: int, end: int) -> None:
    words = data[start:end].split(b" ")
    if len(words) < 4:
        raise SdpError("media-line")
    if len(session.media) >= MAX_MEDIA:
        raise SdpError("too-many-media")
    number, _, count = words[1].partition(b"/")
    port = decimal(number, 5)
    ports = decimal(count, 5) if count else 1
    if port is None or port > 65535 or not ports:
        raise SdpError("media-port")
    at = start + len(words[0]) + 1
    span = Span(at, at + len(number))
    formats = [word for word in words[3:] if word]
    session.media.append(Media(words[0], port, span, ports, words[2], formats, direction=session.direction))


def _attribute(session: Session, data: bytes, start: int, end: int) -> None:
    name, _, value = data[start:end].partition(b":")
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
            media.rtcp = _rtcp(data, start + 5, end)


_LINES: Final = {ord("a"): _attribute, ord("c"): _connection, ord("m"): _media, ord("o"): _origin}
"""The lines that are read."""


def _rtcp(data: bytes, start: int, end: int) -> Rtcp:
    number, _, rest = data[start:end].partition(b" ")
    port = decimal(number, 5)
    if port is None or port > 65535:
        raise SdpError("rtcp-port")
    address = _address(data, start + len(number) + 1, end, skip=0) if rest else None
    return Rtcp(port, Span(start, start + len(number)), address)
