# SPDX-License-Identifier: GPL-2.0-or-later
"""SIP URIs and lists of name-addr, as spans (RFC 3261 §19.1, §20.10)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.grammar import (
    DEFAULT_PORT,
    DEFAULT_TLS_PORT,
    HOST,
    LWS,
    Span,
    decimal,
    host_address,
    is_token,
    separator,
    skip_quoted,
    trim,
)

# --- Implementation constants ---
_REMEMBERED: Final = 4096
_LONGEST_REMEMBERED: Final = 256
"""Octets of a value: a party says the same of itself and of the other in all messages of a call."""

_QUOTE = 0x22


@dataclass(slots=True)
class HostPort:
    """host[:port] of a URI or of a Via. `host` is None for a name: only literals are ever ours."""

    span: Span
    host: str | None
    port: int | None  # None where it is not written
    default_port: int = DEFAULT_PORT
    maddr: HostPort | None = None
    """Where `;maddr=` sends instead, at the same port; the span is that of its address alone."""

    @property
    def effective_port(self) -> int:
        return self.default_port if self.port is None else self.port


@dataclass(slots=True)
class NameAddr:
    """One value of a header that holds addresses: the URI, and the header parameters behind it."""

    uri: Span
    parameters: Span


@lru_cache(4096)
def _host_and_port(text: bytes) -> tuple[str | None, int | None] | None:
    """The same few stand in most messages, so they are remembered."""
    colon = text.rfind(b":", text.find(b"]") + 1)
    if colon < 0:
        host, port = text, None
    else:
        host, port = text[:colon], decimal(text[colon + 1 :], 5)
        if port is None or port > 65535:
            return None
    bracketed = host[:1] == b"[" and host[-1:] == b"]"
    if not host or not (bracketed or HOST.issuperset(host)):
        return None
    return host_address(host), port


def hostport(data: bytes, start: int, end: int, default_port: int = DEFAULT_PORT) -> HostPort | None:
    """host[:port] in exactly this range, or None where it is none."""
    found = _host_and_port(data[start:end])
    return HostPort(Span(start, end), found[0], found[1], default_port) if found else None


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
    headers = data.find(b"?", start, end)
    if headers >= 0:
        end = headers
    parameters = data.find(b";", start, end)
    if parameters < 0:
        return hostport(data, start, end, default_port)
    found = hostport(data, start, parameters, default_port)
    if found is not None:
        found.maddr = maddr(data, Span(parameters, end), found)
    return found


def maddr(data: bytes, parameters: Span, of: HostPort) -> HostPort | None:
    """The address that overrides the host of a URI or a Via (RFC 3261 §19.1.1, §18.2.2), if it is a literal."""
    if b"maddr" not in data[parameters.start : parameters.end].lower():
        return None
    value = parameter(data, parameters, b"maddr")
    host = host_address(data[value.start : value.end]) if value else None
    return HostPort(value, host, of.port, of.default_port) if value and host else None


@lru_cache(256)
def is_request_uri(uri: bytes) -> bool:
    """Whether it may stand in a request line: sip and sips need a host and have no headers (RFC 3261 §19.1.1)."""
    scheme, colon, _ = uri.partition(b":")
    if not colon or not is_token(scheme):
        return False
    if scheme.lower() not in (b"sip", b"sips"):
        return True
    return uri_hostport(uri, 0, len(uri)) is not None and b"?" not in uri[uri.find(b"@") + 1 :]


def name_addrs(data: bytes, start: int, end: int) -> Iterator[NameAddr]:
    """The comma-separated values in a range. Raise ParseError for what is none: a reader must not have to guess."""
    at = start
    while at < end:
        value, at = _name_addr(data, at, end)
        yield value


def _name_addr(data: bytes, start: int, end: int) -> tuple[NameAddr, int]:
    """One value from `start`, and the index behind its comma."""
    at = start
    while at < end and data[at] in LWS:
        at += 1
    if at < end and data[at] == _QUOTE:
        at = skip_quoted(data, at, end)
    less, comma = data.find(b"<", at, end), data.find(b",", at, end)
    if less < 0 or 0 <= comma < less:
        return _addr_spec(data, at, end)
    close = data.find(b">", less, end)
    if close < 0:
        raise ParseError("open-bracket")
    stop = separator(data, b",", close, end)
    if close == less + 1 or data[less + 1] in LWS or data[close - 1] in LWS or data.find(b'"', at, less) >= 0:
        raise ParseError("address")
    return NameAddr(Span(less + 1, close), Span(close + 1, stop)), stop + 1


def _addr_spec(data: bytes, start: int, end: int) -> tuple[NameAddr, int]:
    """A URI without brackets: what follows ';' belongs to the header; no comma, no '?' in it (RFC 3261 §20)."""
    stop = separator(data, b",", start, end)
    semicolon = data.find(b";", start, stop)
    uri = Span(*trim(data, start, stop if semicolon < 0 else semicolon))
    text = data[uri.start : uri.end]
    if text != b"*" and (b":" not in text or b"?" in text or len(text.split()) != 1):
        raise ParseError("address")
    return NameAddr(uri, Span(stop if semicolon < 0 else semicolon, stop)), stop + 1


def hostports(value: bytes) -> tuple[HostPort, ...]:
    """Where the SIP URIs of a field that holds addresses point to; spans count from the value's beginning."""
    return _remembered_hostports(value) if len(value) <= _LONGEST_REMEMBERED else _hostports(value)


def _hostports(value: bytes) -> tuple[HostPort, ...]:
    found = (uri_hostport(value, *each.uri) for each in name_addrs(value, 0, len(value)))
    return tuple([each for each in found if each is not None])


_remembered_hostports = lru_cache(_REMEMBERED)(_hostports)


def parameter(data: bytes, span: Span, name: bytes) -> Span | None:
    """The value of `;name=value` (empty span where the parameter has none), None where it is absent. Any case."""
    at, end = span
    while at < end:
        stop = separator(data, b";", at + 1, end)
        key, equals, value = data[at + 1 : stop].partition(b"=")
        if key.strip(LWS).lower() == name:
            return Span(*trim(data, stop - len(value), stop)) if equals else Span(stop, stop)
        at = stop
    return None


def tag_of(data: bytes, start: int, end: int) -> bytes:
    """The tag of a From or To, which is exactly one address; b"" where it has none (RFC 3261 §19.3)."""
    value = data[start:end]
    return _remembered_tag(value) if len(value) <= _LONGEST_REMEMBERED else _tag(value)


def _tag(data: bytes) -> bytes:
    end = len(data)
    value, behind = _name_addr(data, 0, end)
    if behind <= end:
        raise ParseError("address")
    at = value.parameters.start
    if data[at : at + 5] == b";tag=" and data.find(b";", at + 5, end) < 0:  # how nearly every stack writes it
        return data[at + 5 : end]
    found = parameter(data, value.parameters, b"tag")
    return data[found.start : found.end] if found else b""


_remembered_tag = lru_cache(_REMEMBERED)(_tag)
