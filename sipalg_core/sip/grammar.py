# SPDX-License-Identifier: GPL-2.0-or-later
"""The smallest pieces of the grammar, over bytes and indexes. No regular expression, no decoding, no recursion."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, NamedTuple

from sipalg_core.sip.errors import ParseError

# --- Specification constants ---

TOKEN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
"""RFC 3261 §25.1 token."""
HOST: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._")
"""Of a host name or an IPv4 literal, with the underscore that the field's names have."""
LWS: Final = b" \t\r\n"
SIP_VERSION: Final = b"SIP/2.0"
DEFAULT_PORT: Final = 5060
DEFAULT_TLS_PORT: Final = 5061


class Span(NamedTuple):
    """Half-open range of indexes into a message's bytes."""

    start: int
    end: int


def is_token(text: bytes) -> bool:
    return bool(text) and TOKEN.issuperset(text)


def decimal(text: bytes, digits: int) -> int | None:
    """The value of 1 to `digits` ASCII digits, or None. Unlike int(): no sign, no blank, no underscore."""
    return int(text) if 0 < len(text) <= digits and text.isdigit() else None


def trim(data: bytes, start: int, end: int) -> tuple[int, int]:
    """Narrow a range by the linear white space (folds included) at both ends."""
    while start < end and data[start] in LWS:
        start += 1
    while end > start and data[end - 1] in LWS:
        end -= 1
    return start, end


def skip_quoted(data: bytes, start: int, end: int) -> int:
    """The index behind the quoted string that begins at `start` (RFC 3261 §25.1). Raise ParseError if it never ends."""
    at = start + 1
    while (quote := data.find(b'"', at, end)) >= 0:
        backslash = data.find(b"\\", at, quote)
        if backslash < 0:
            return quote + 1
        at = backslash + 2
    raise ParseError("open-quote")


def separator(data: bytes, mark: bytes, start: int, end: int) -> int:
    """The index of the first `mark` outside quoted strings, `end` where there is none."""
    at = start
    while True:
        found = data.find(mark, at, end)
        stop = end if found < 0 else found
        quote = data.find(b'"', at, stop)
        if quote < 0:
            return stop
        at = skip_quoted(data, quote, end)


@lru_cache(4096)
def host_address(text: bytes) -> str | None:
    """Canonical text of an IPv4 literal or a bracketed IPv6 literal; None for a name or anything doubtful."""
    try:
        if text[:1] == b"[":
            if text[-1:] != b"]" or b"%" in text:
                return None
            return str(IPv6Address(text[1:-1].decode("ascii")))
        return str(IPv4Address(text.decode("ascii")))
    except (AddressValueError, UnicodeDecodeError):
        return None
