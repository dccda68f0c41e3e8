# SPDX-License-Identifier: GPL-2.0-or-later
"""Offer and answer (RFC 3264): which media endpoints two descriptions agree on, hence which pinholes are wanted.

Nothing here allocates or opens anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from sipalg_core.net import Endpoint, Side
from sipalg_core.sdp.session import Media, Session

LOWEST_PORT: Final = 1024
"""P5: never a pinhole to a privileged port."""
NEVER: Final = frozenset({1900, 3389, 5060, 5061, 5353, 11211})
"""P5: services that no media stream uses."""

Component = Literal["rtp", "rtcp"]


class Line(NamedTuple):
    """What one m= line says. `rtp` is None where the stream is off, or where nobody of this call owns the address."""

    kind: str  # "audio"
    rtp: Endpoint | None
    rtcp: Endpoint | None
    rtcp_mux: bool
    codec: str
    direction: str  # "sendrecv"
    mapped: Endpoint | None = None  # external RTP endpoint that we announce; only in internal descriptions
    mapped_rtcp: Endpoint | None = None


class Offer(NamedTuple):
    side: Side  # who made it
    lines: tuple[Line, ...]
    method: bytes  # of the transaction that carried it
    cseq: int


class Want(NamedTuple):
    """A pinhole that the agreement asks for."""

    kind: str
    component: Component
    internal: Endpoint  # port 0: the one behind the mapped port, which the telephone had from a STUN server
    mapped: Endpoint
    external: Endpoint  # port 0: any


def lines_of(session: Session) -> tuple[Line, ...]:
    return tuple(_line(media) for media in session.media)


def _line(media: Media) -> Line:
    rtp = rtcp = None
    host = media.connection.host if media.connection else None
    if host and _is_udp(media) and media.ports == 1 and _is_allowed(media.port):
        rtp = Endpoint(host, media.port)
        if media.is_rtp:
            rtcp = _rtcp(media, host)
    kind = media.kind.decode("ascii", "replace")
    return Line(kind, rtp, rtcp, media.rtcp_mux, media.codec(), media.direction.decode())


def _rtcp(media: Media, host: str) -> Endpoint | None:
    port = _rtcp_port(media)
    if media.rtcp and media.rtcp.address:
        if media.rtcp.address.host is None:
            return None
        host = media.rtcp.address.host
    return Endpoint(host, port) if _is_allowed(port) else None


def _rtcp_port(media: Media) -> int:
    """RFC 3605 where it is said, else the next port (RFC 3550 §11)."""
    return media.rtcp.port if media.rtcp else media.port + 1


def _is_udp(media: Media) -> bool:
    return not media.protocol.startswith(b"TCP")


def _is_allowed(port: int) -> bool:
    return LOWEST_PORT <= port <= 65535 and port not in NEVER


def refusals(session: Session) -> Iterator[str]:
    """What P5 refuses of it, by the names of the counters: else nobody would know why there is no audio."""
    for media in session.media:
        if not media.port or not _is_udp(media):
            continue
        if media.ports != 1 or not _is_allowed(media.port):
            yield "refused:media-port"
        elif media.is_rtp and not media.rtcp_mux and not _is_allowed(_rtcp_port(media)):
            yield "refused:rtcp-port"


class Agreed(NamedTuple):
    """Of a wanted pinhole."""

    held: bool  # the stream is on hold, so that its silence means nothing (RFC 3264 §8.4)
    line: int  # its m= line, from 1


def wanted(offer: Offer, answer: tuple[Line, ...], *, symmetric: bool) -> dict[Want, Agreed]:
    """The pinholes for an agreed pair of descriptions, RTP before RTCP, in the order of the m= lines.

    `symmetric`: the peer sends from the port it announces (RFC 4961), so the pinhole may insist on it.
    """
    wants: dict[Want, Agreed] = {}
    for line, (offered, answered) in enumerate(zip(offer.lines, answer, strict=False), 1):
        inner, outer = (offered, answered) if offer.side is Side.INTERNAL else (answered, offered)
        if inner.rtp is None or inner.mapped is None or outer.rtp is None or not _same_family(inner.rtp, outer.rtp):
            continue
        agreed = Agreed(not offered.direction == answered.direction == "sendrecv", line)
        wants[Want(inner.kind, "rtp", inner.rtp, inner.mapped, _as_source(outer.rtp, symmetric))] = agreed
        muxed = offered.rtcp_mux and answered.rtcp_mux  # RFC 5761 §5.1.1
        if not muxed and inner.rtcp and inner.mapped_rtcp and outer.rtcp:
            wants[Want(inner.kind, "rtcp", inner.rtcp, inner.mapped_rtcp, _as_source(outer.rtcp, symmetric))] = agreed
    return wants


def _same_family(one: Endpoint, other: Endpoint) -> bool:
    return (":" in one.host) == (":" in other.host)


def _as_source(endpoint: Endpoint, symmetric: bool) -> Endpoint:
    return endpoint if symmetric else Endpoint(endpoint.host, 0)


def gates(offer: Offer, sources: tuple[str, ...]) -> list[tuple[Want, int]]:
    """P7: for media that comes before the answer: only the hosts named, to what the internal offer announced.

    With the number of each one's m= line, from 1.
    """
    return [
        (Want(line.kind, "rtp", line.rtp, line.mapped, Endpoint(host, 0)), number)
        for number, line in enumerate(offer.lines, 1)
        if line.rtp and line.mapped and offer.side is Side.INTERNAL
        for host in sources
        if _same_family(line.rtp, Endpoint(host, 0))
    ]


def codec(offer: Offer, answer: tuple[Line, ...]) -> str:
    """The encoding of the first stream that is on: the answer's first format is what will be sent (RFC 3264 §6.1)."""
    for _, answered in zip(offer.lines, answer, strict=False):
        if answered.rtp:
            return answered.codec
    return ""
