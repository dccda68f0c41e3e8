# SPDX-License-Identifier: GPL-2.0-or-later
"""ICE candidates of a description that leaves (RFC 8839): all of the party's own become ours, or none.

A default destination that is not among the candidates is an `ice-mismatch` (RFC 8839 §4.2.5), so half is worse than
nothing. TCP candidates stay as they are: nothing is ever opened for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from sipalg_core.alg.media import Line
from sipalg_core.alg.rewrite_sdp import External
from sipalg_core.net import Endpoint
from sipalg_core.sip.edit import Edit
from sipalg_core.sip.grammar import Span, decimal, host_address

CANDIDATE: Final = "the party's ICE candidate and ours"
_LINE: Final = b"a=candidate:"


class _Word(NamedTuple):
    text: bytes
    span: Span


def outward(data: bytes, body: Span, lines: Iterable[Line], external: External) -> list[Edit] | None:
    """Edits for the candidates in this range; None where one of the party's own stands for no endpoint of ours."""
    mapped = {
        internal: ours
        for line in lines
        for internal, ours in ((line.rtp, line.mapped), (line.rtcp, line.mapped_rtcp))
        if internal is not None and ours is not None
    }
    edits: list[Edit] = []
    for words in _candidates(data, body):
        if len(words) < 8 or words[2].text.lower() != b"udp":
            continue
        for host, port in _endpoints(words):
            found = _endpoint(host, port)
            if found is None or external(found.host) in (None, found.host):
                continue  # somebody else's address stays what it is, and one that is not translated
            ours = mapped.get(found)
            if ours is None:
                return None
            edits.append(Edit(host.span, ours.host.encode(), CANDIDATE))
            edits.append(Edit(port.span, b"%d" % ours.port, CANDIDATE))
    return edits


def _candidates(data: bytes, body: Span) -> Iterator[list[_Word]]:
    at = data.find(_LINE, body.start, body.end)
    while at >= 0:
        end = data.find(b"\n", at, body.end)
        end = body.end if end < 0 else end
        yield list(_words(data, at + len(_LINE), end - 1 if data[end - 1 : end] == b"\r" else end))
        at = data.find(_LINE, end, body.end)


def _words(data: bytes, at: int, end: int) -> Iterator[_Word]:
    while at < end:
        stop = data.find(b" ", at, end)
        stop = end if stop < 0 else stop
        yield _Word(data[at:stop], Span(at, stop))
        at = stop + 1


def _endpoints(words: list[_Word]) -> Iterator[tuple[_Word, _Word]]:
    """The candidate's own address and port, and those of its base (`raddr … rport …`)."""
    yield words[4], words[5]
    names = [word.text for word in words]
    if b"raddr" in names[:-3] and names[names.index(b"raddr") + 2] == b"rport":
        base = names.index(b"raddr") + 1
        yield words[base], words[base + 2]


def _endpoint(host: _Word, port: _Word) -> Endpoint | None:
    address = host_address(b"[%s]" % host.text if b":" in host.text else host.text)
    number = decimal(port.text, 5)
    return Endpoint(address, number) if address is not None and number is not None else None
