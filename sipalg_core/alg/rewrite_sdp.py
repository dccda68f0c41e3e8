# SPDX-License-Identifier: GPL-2.0-or-later
"""Which addresses and ports of a session description are replaced: by ownership, as in the head of the message.

Going out, what the sending party owns becomes our mapping. Coming in, a mapping of ours becomes the internal endpoint
that it stands for: the media of two parties behind us need not leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final

from sipalg_core.alg.media import Line, lines_of
from sipalg_core.net import Endpoint
from sipalg_core.sdp.session import Address, Media, Session
from sipalg_core.sip.edit import Edit

MEDIA_ADDRESS: Final = "the party's media address and ours"
MEDIA_PORT: Final = "the party's media port and the port we opened for it"
ORIGIN_ADDRESS: Final = "the party's own address in o= and ours"
ALTERNATIVE: Final = "the alternative address (a=altc) that repeats the media's"
HAIRPIN: Final = "our mapping and the internal endpoint that it stands for"

UNSPECIFIED: Final = ("0.0.0.0", "::")  # noqa: S104 - RFC 2543 hold (RFC 3264 §8.4), nothing is bound to it

External = Callable[[str], str | None]
"""Our address in place of an internal one; None where it is not the sending party's (P2)."""
Allocate = Callable[[Endpoint, Endpoint | None], int]
"""The even external port for an internal RTP endpoint and its RTCP endpoint."""
Owner = Callable[[Endpoint], Endpoint | None]
"""The internal endpoint that a media endpoint of ours stands for."""
Pinned = Callable[[Endpoint], Endpoint | None]
"""Whose an endpoint of ours is that the party had from a STUN server; its port is 0, since only the kernel knows it."""
Refusal = Callable[[str], str]
"""The counter for a media address that is not the sending party's."""


def outward(
    session: Session,
    external: External,
    allocate: Allocate,
    pinned: Pinned,
    refusal: Refusal,
    counts: Counter[str],
) -> tuple[list[Edit], tuple[Line, ...]]:
    """Edits for a description that leaves, and its lines with the mapped endpoints filled in."""
    edits: list[Edit] = []
    lines: list[Line] = []
    for line, media in zip(lines_of(session), session.media, strict=True):
        if line.rtp is not None:
            own = line
            line = _mapped(line, line.rtp, external, allocate, pinned)
            if (
                (line.rtp is None or not line.rtp.port)
                and media.connection
                and media.connection.host not in UNSPECIFIED
            ):
                counts[refusal(media.connection.host or "")] += 1
            edits.extend(_port_edits(media, line))
            edits.extend(_alternative_edits(media, own, line, external, counts))
        lines.append(line)
    edits.extend(_address_edits(session, external))
    return edits, tuple(lines)


def _mapped(line: Line, rtp: Endpoint, external: External, allocate: Allocate, pinned: Pinned) -> Line:
    """The line with our endpoints beside its own, or switched off where the address is not the sending party's."""
    host = external(rtp.host)
    if host is None:
        behind = pinned(rtp)
        if behind is None:
            return line._replace(rtp=None, rtcp=None)
        rtcp = behind if line.rtcp and line.rtcp.host == rtp.host else None
        return line._replace(rtp=behind, rtcp=rtcp, mapped=rtp, mapped_rtcp=line.rtcp if rtcp else None)
    rtcp = line.rtcp if line.rtcp and line.rtcp.host == rtp.host else None
    if host == rtp.host:
        return line._replace(mapped=rtp, mapped_rtcp=rtcp)  # nothing is translated
    port = allocate(rtp, rtcp)
    return line._replace(mapped=Endpoint(host, port), mapped_rtcp=Endpoint(host, port + 1) if rtcp else None)


def _port_edits(media: Media, line: Line) -> Iterator[Edit]:
    if line.mapped == line.rtp or (line.rtp and not line.rtp.port):
        return
    if line.mapped:
        yield Edit(media.port_span, b"%d" % line.mapped.port, MEDIA_PORT)
    if media.rtcp and line.mapped_rtcp:
        yield Edit(media.rtcp.port_span, b"%d" % line.mapped_rtcp.port, MEDIA_PORT)


def _alternative_edits(
    media: Media, own: Line, line: Line, external: External, counts: Counter[str]
) -> Iterator[Edit]:  # fmt: skip
    """What repeats the media's endpoint goes on repeating it (RFC 6947). Of another endpoint of the party no port of
    ours is announced: nothing could be opened for it, so it stays what it is."""
    for each in media.alternatives:
        host = each.address.host
        if host is None or external(host) in (None, host):
            continue
        if line.mapped is None or Endpoint(host, each.port) != own.rtp:
            counts["sdp:altc-untouched"] += 1
            continue
        yield Edit(each.address.span, line.mapped.host.encode(), ALTERNATIVE)
        yield Edit(each.port_span, b"%d" % line.mapped.port, ALTERNATIVE)
        if own.rtcp and line.mapped_rtcp and each.rtcp == own.rtcp.port:
            yield Edit(each.rtcp_span, b"%d" % line.mapped_rtcp.port, ALTERNATIVE)


def _addresses(session: Session) -> Iterator[Address]:
    """Each c= and a=rtcp address, once."""
    named = [session.connection, *(media.connection for media in session.media)]
    named += [media.rtcp.address for media in session.media if media.rtcp]
    yield from dict.fromkeys(address for address in named if address is not None)


def _address_edits(session: Session, external: External) -> Iterator[Edit]:
    for address in _addresses(session):
        host = external(address.host) if address.host else None
        if host is not None and host != address.host:
            yield Edit(address.span, host.encode(), MEDIA_ADDRESS)
    if session.origin is not None and session.origin.host:
        host = external(session.origin.host)
        if host is not None and host != session.origin.host:
            yield Edit(session.origin.span, host.encode(), ORIGIN_ADDRESS)


def _alternatives_inward(media: Media, owner: Owner) -> Iterator[Edit]:
    for each in media.alternatives:
        found = owner(Endpoint(each.address.host, each.port)) if each.address.host else None
        if found is None or not each.address.host:
            continue
        yield Edit(each.address.span, found.host.encode(), HAIRPIN)
        yield Edit(each.port_span, b"%d" % found.port, HAIRPIN)
        rtcp = owner(Endpoint(each.address.host, each.rtcp)) if each.rtcp else None
        if rtcp is not None:
            yield Edit(each.rtcp_span, b"%d" % rtcp.port, HAIRPIN)


def inward(session: Session, owner: Owner) -> list[Edit]:
    """Edits that put the internal endpoint where a media mapping of ours stands. All of it or nothing."""
    edits: list[Edit] = []
    hosts: dict[Address, str] = {}
    for media in session.media:
        address = media.connection
        if address is None or address.host is None or not media.port:
            continue
        found = owner(Endpoint(address.host, media.port))
        if found is None or hosts.setdefault(address, found.host) != found.host:
            return []  # one address for two hosts cannot be written in one place
        edits.append(Edit(media.port_span, b"%d" % found.port, HAIRPIN))
        edits += _alternatives_inward(media, owner)
        if media.rtcp is not None:
            rtcp = owner(Endpoint(address.host, media.rtcp.port))
            if rtcp is None:
                return []
            edits.append(Edit(media.rtcp.port_span, b"%d" % rtcp.port, HAIRPIN))
            if media.rtcp.address is not None and media.rtcp.address.host == address.host:
                edits.append(Edit(media.rtcp.address.span, rtcp.host.encode(), HAIRPIN))
    edits += [Edit(address.span, host.encode(), HAIRPIN) for address, host in hosts.items()]
    origin = session.origin
    if origin is not None and origin.host in {address.host for address in hosts}:
        edits.append(Edit(origin.span, next(iter(hosts.values())).encode(), HAIRPIN))
    return edits
