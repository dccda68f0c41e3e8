# SPDX-License-Identifier: GPL-2.0-or-later
"""The smallest pieces of the grammar, over bytes and indexes. No regular expression, no decoding, no recursion."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, NamedTuple

# --- Specification constants ---

TOKEN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.!%*_+`'~")
"""RFC 3261 §25.1 token."""
LWS: Final = b" \t\r\n"
SIP_VERSION: Final = b"SIP/2.0"
DEFAULT_PORT: Final = 5060
DEFAULT_TLS_PORT: Final = 5061

_QUOTE, _BACKSLASH = 0x22, 0x5C


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
    """The index behind the quoted string that begins at `start`, or -1 where it never ends (RFC 3261 §25.1)."""
    at = start + 1
    while at < end:
        byte = data[at]
        if byte == _QUOTE:
            return at + 1
        at += 2 if byte == _BACKSLASH else 1
    return -1


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
