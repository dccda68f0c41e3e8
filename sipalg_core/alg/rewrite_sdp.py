# SPDX-License-Identifier: GPL-2.0-or-later
"""Which addresses and ports of an internal party's session description are replaced by our mapping."""

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

Allocate = Callable[[Endpoint], int]
"""The even external port for an internal RTP endpoint; raises NoPort."""


def outward(
    session: Session, own: str, external: str, allocate: Allocate, counts: Counter[str]
) -> tuple[list[Edit], tuple[Line, ...]]:
    """Edits for a description that leaves, and its lines with the mapped endpoints filled in.

    `own` is the sending party's address: what is somewhere else is not its to open (P2), and stays as it is.
    """
    edits: list[Edit] = []
    lines: list[Line] = []
    for line, media in zip(lines_of(session), session.media, strict=True):
        if line.rtp is not None and line.rtp.host != own:
            counts["refused:sdp-third-host"] += 1
            line = line._replace(rtp=None, rtcp=None)
        if line.rtp is not None:
            port = allocate(line.rtp)
            line = line._replace(
                mapped=Endpoint(external, port),
                mapped_rtcp=Endpoint(external, port + 1) if line.rtcp and line.rtcp.host == own else None,
            )
            edits.extend(_port_edits(media, line))
        lines.append(line)
    edits.extend(_address_edits(session, own, external))
    return edits, tuple(lines)


def _port_edits(media: Media, line: Line) -> Iterator[Edit]:
    if line.mapped:
        yield Edit(media.port_span, b"%d" % line.mapped.port, MEDIA_PORT)
    if media.rtcp and line.mapped_rtcp:
        yield Edit(media.rtcp.port_span, b"%d" % line.mapped_rtcp.port, MEDIA_PORT)


def _address_edits(session: Session, own: str, external: str) -> Iterator[Edit]:
    """Each c=, o= and a=rtcp that names the party itself, once."""
    seen: set[Address] = set()
    named = [session.connection, *(media.connection for media in session.media)]
    named += [media.rtcp.address for media in session.media if media.rtcp]
    for address in named:
        if address is not None and address.host == own and address not in seen:
            seen.add(address)
            yield Edit(address.span, external.encode(), MEDIA_ADDRESS)
    if session.origin is not None and session.origin.host == own:
        yield Edit(session.origin.span, external.encode(), ORIGIN_ADDRESS)
