# SPDX-License-Identifier: GPL-2.0-or-later
"""Via header values (RFC 3261 §20.42, RFC 3581)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.grammar import LWS, Span, skip_quoted, trim
from sipalg_core.sip.uri import HostPort, hostport, parameter

BRANCH_COOKIE: Final = b"z9hG4bK"
"""RFC 3261 §8.1.1.7: a branch that begins so is unique for its transaction."""

_QUOTE, _COMMA, _SLASH = 0x22, 0x2C, 0x2F


class Via(NamedTuple):
    sent_by: HostPort | None  # None where it cannot be read: then it is nobody's
    parameters: Span


def vias(data: bytes, start: int, end: int) -> Iterator[Via]:
    """The values of one Via field, topmost first."""
    at = start
    while at < end:
        stop = _value_end(data, at, end)
        yield _via(data, *trim(data, at, stop))
        at = stop + 1


def _value_end(data: bytes, at: int, end: int) -> int:
    comma = data.find(b",", at, end)
    if comma < 0:
        return end
    if data.find(b'"', at, comma) < 0:
        return comma
    while at < end and data[at] != _COMMA:
        at = skip_quoted(data, at, end) if data[at] == _QUOTE else at + 1
        if at < 0:
            raise ParseError("open-quote")
    return at


def _via(data: bytes, start: int, end: int) -> Via:
    at = start
    for _ in range(2):  # SIP / 2.0 / UDP, white space allowed around each slash
        at = data.find(b"/", at, end) + 1
        if not at:
            raise ParseError("via")
    at = trim(data, at, end)[0]
    while at < end and data[at] not in LWS:
        at += 1
    at = trim(data, at, end)[0]
    semicolon = data.find(b";", at, end)
    stop = end if semicolon < 0 else semicolon
    if at >= stop:
        raise ParseError("via")
    return Via(hostport(data, *trim(data, at, stop)), Span(stop, end))


def top_branch(data: bytes, start: int, end: int) -> bytes:
    """The branch of the topmost value, b"" where it has none (RFC 2543)."""
    via = next(vias(data, start, end), None)
    if via is None:
        raise ParseError("via")
    found = parameter(data, via.parameters, b"branch")
    return data[found.start : found.end] if found else b""
