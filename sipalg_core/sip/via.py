# SPDX-License-Identifier: GPL-2.0-or-later
"""Via header values (RFC 3261 §20.42, RFC 3581)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.grammar import Span, separator, trim
from sipalg_core.sip.uri import HostPort, hostport, parameter

BRANCH_COOKIE: Final = b"z9hG4bK"
"""RFC 3261 §8.1.1.7: a branch that begins so is unique for its transaction."""


@dataclass(slots=True)
class Via:
    sent_by: HostPort | None  # None where it cannot be read: then it is nobody's
    parameters: Span


def vias(data: bytes, start: int, end: int) -> Iterator[Via]:
    """The values of one Via field, topmost first. Raise ParseError for what is none."""
    at = start
    while at <= end:
        stop = separator(data, b",", at, end)
        yield _via(data, at, stop)
        at = stop + 1


def _via(data: bytes, start: int, end: int) -> Via:
    semicolon = data.find(b";", start, end)
    stop = end if semicolon < 0 else semicolon
    version = data.find(b"/", start, stop)
    transport = data.find(b"/", version + 1, stop) if version >= 0 else -1
    words = data[transport + 1 : stop].split(None, 1)  # SIP / 2.0 / UDP host, white space around each slash
    doubled = data.find(b";;", stop, end) >= 0 and data.find(b'"', stop, end) < 0
    if transport < 0 or len(words) != 2 or doubled:
        raise ParseError("via")
    return Via(hostport(data, *trim(data, stop - len(words[1]), stop)), Span(stop, end))


def branch_of(data: bytes, via: Via) -> bytes:
    """b"" where it has none (RFC 2543)."""
    found = parameter(data, via.parameters, b"branch")
    return data[found.start : found.end] if found else b""
