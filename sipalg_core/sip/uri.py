# SPDX-License-Identifier: GPL-2.0-or-later
"""SIP URIs and lists of name-addr, as spans (RFC 3261 §19.1, §20.10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.grammar import DEFAULT_PORT, DEFAULT_TLS_PORT, LWS, Span, decimal, host_address, skip_quoted, trim

_QUOTE, _LESS, _GREATER, _COMMA, _SEMICOLON = 0x22, 0x3C, 0x3E, 0x2C, 0x3B


class HostPort(NamedTuple):
    """host[:port] of a URI or of a Via. `host` is None for a name: only literals are ever ours."""

    span: Span
    host: str | None
    port: int | None  # None where it is not written
    default_port: int = DEFAULT_PORT

    @property
    def effective_port(self) -> int:
        return self.default_port if self.port is None else self.port


class NameAddr(NamedTuple):
    """One value of a header that holds addresses: the URI, and the header parameters behind it."""

    uri: Span
    parameters: Span


def hostport(data: bytes, start: int, end: int, default_port: int = DEFAULT_PORT) -> HostPort | None:
    """host[:port] in exactly this range, or None where the port is no port."""
    if data[start : start + 1] == b"[":
        close = data.find(b"]", start, end)
        colon = close + 1 if 0 <= close < end - 1 else -1
        if close < 0 or (colon >= 0 and data[colon : colon + 1] != b":"):
            return None
    else:
        colon = data.find(b":", start, end)
    if colon < 0:
        return HostPort(Span(start, end), host_address(data[start:end]), None, default_port)
    port = decimal(data[colon + 1 : end], 5)
    if port is None or port > 65535:
        return None
    return HostPort(Span(start, end), host_address(data[start:colon]), port, default_port)


def uri_hostport(data: bytes, start: int, end: int) -> HostPort | None:
    """Where a sip: or sips: URI points to; None for other schemes and for what is no URI."""
    scheme = data[start : start + 5].lower()
    if scheme[:4] == b"sip:":
        start, default_port = start + 4, DEFAULT_PORT
    elif scheme == b"sips:":
        start, default_port = start + 5, DEFAULT_TLS_PORT
    else:
        return None
    at = data.find(b"@", start, end)
    if at >= 0:
        start = at + 1  # the user part may hold ';' and '?', so it goes first
    for mark in (b";", b"?"):
        stop = data.find(mark, start, end)
        if stop >= 0:
            end = stop
    return hostport(data, start, end, default_port)


def name_addrs(data: bytes, start: int, end: int) -> Iterator[NameAddr]:
    """The comma-separated values in a range. Raises ParseError for an open quote or bracket."""
    at = start
    while at < end:
        value, at = _name_addr(data, at, end)
        if value is not None:
            yield value


def _name_addr(data: bytes, start: int, end: int) -> tuple[NameAddr | None, int]:
    """One value from `start`, and the index behind its comma."""
    at, semicolon = start, -1
    uri: Span | None = None
    while at < end:
        byte = data[at]
        if byte == _QUOTE:
            at = skip_quoted(data, at, end)
            if at < 0:
                raise ParseError("open-quote")
            continue
        if byte == _LESS and uri is None:
            close = data.find(b">", at, end)
            if close < 0:
                raise ParseError("open-bracket")
            uri, at, semicolon = Span(*trim(data, at + 1, close)), close + 1, -1
            continue
        if byte == _COMMA:
            break
        if byte == _SEMICOLON and semicolon < 0:
            semicolon = at
        at += 1
    if uri is None:  # addr-spec: what follows ';' belongs to the header (RFC 3261 §20.10)
        uri = Span(*trim(data, start, at if semicolon < 0 else semicolon))
    parameters = Span(at if semicolon < 0 else semicolon, at)
    return (NameAddr(uri, parameters) if uri.start < uri.end else None), at + 1


def parameter(data: bytes, span: Span, name: bytes) -> Span | None:
    """The value of `;name=value` (empty span where the parameter has none), None where it is absent. Any case."""
    at = span.start
    while at < span.end:
        stop = _parameter_end(data, at + 1, span.end)
        start, last = trim(data, at + 1, stop)
        equals = data.find(b"=", start, last)
        key_end = trim(data, start, last if equals < 0 else equals)[1]
        if key_end - start == len(name) and data[start:key_end].lower() == name:
            return Span(last, last) if equals < 0 else Span(*trim(data, equals + 1, last))
        at = stop
    return None


def _parameter_end(data: bytes, at: int, end: int) -> int:
    while at < end and data[at] != _SEMICOLON:
        if data[at] == _QUOTE:
            at = skip_quoted(data, at, end)
            if at < 0:
                raise ParseError("open-quote")
        else:
            at += 1
    return at


def tag_of(data: bytes, start: int, end: int) -> bytes:
    """The tag of a From or To value, b"" where it has none (RFC 3261 §19.3)."""
    plain = data.find(b">;tag=", start, end)
    if plain >= 0 and data.find(b'"', start, end) < 0:  # how nearly every stack writes it
        start = plain + 6
        stop = data.find(b";", start, end)
        return data[start : end if stop < 0 else stop].rstrip(LWS)
    value = next(name_addrs(data, start, end), None)
    if value is None:
        raise ParseError("no-address")
    found = parameter(data, value.parameters, b"tag")
    return data[found.start : found.end] if found else b""
