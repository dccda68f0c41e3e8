# SPDX-License-Identifier: GPL-2.0-or-later
"""Header fields where they stand: of a message (RFC 3261 §7.3) and of a body part (RFC 2045 §3) alike.

Rules of this file: one pass over the bytes; nothing is unfolded or copied; limits hold before anything is interpreted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.grammar import LWS, is_token, trim
from sipalg_core.sip.headers import NAMES, long_name

# --- Implementation constants ---

MAX_HEADERS: Final = 256  # hardening: header bombs
MAX_LINE: Final = 8_192  # folds included

_CR: Final = 0x0D
_FOLD: Final = b" \t"


@dataclass(slots=True)
class HeaderField:
    name: bytes  # lower case, long form
    start: int  # of the line
    value: int  # first byte of the value
    end: int  # behind the last byte of the value


def read_fields(data: bytes, at: int, limit: int) -> tuple[list[HeaderField], int]:
    """The header fields from `at`, and where the blank line behind them ends. Raise ParseError."""
    fields: list[HeaderField] = []
    while (end := data.find(b"\n", at, limit)) >= 0:
        stop = end - 1 if data[end - 1] == _CR else end
        if stop <= at:
            return fields, end + 1
        if data[at] in _FOLD and fields:  # the field goes on (RFC 3261 §7.3.1)
            field = fields[-1]
            first, last = trim(data, at, stop)
            if first < last:
                field.value, field.end = first if field.value == field.end else field.value, last
        else:
            if len(fields) >= MAX_HEADERS:
                raise ParseError("too-many-headers", 413)
            colon = data.find(b":", at, stop)
            if colon < 0:
                raise ParseError("header-without-colon")
            raw = data[at:colon]
            value = colon + 1
            while value < stop and data[value] in LWS:
                value += 1
            while stop > value and data[stop - 1] in LWS:
                stop -= 1
            field = HeaderField(NAMES.get(raw) or _name(raw), at, value, stop)
            fields.append(field)
        if end - field.start > MAX_LINE:
            raise ParseError("line-too-long", 413)
        at = end + 1
    raise ParseError("no-blank-line")


def _name(raw: bytes) -> bytes:
    name = raw.rstrip(_FOLD)  # white space before the colon is legal (RFC 3261 §7.3.1)
    if not is_token(name):
        raise ParseError("header-name")
    return long_name(name)


def first_of_each(fields: list[HeaderField]) -> dict[bytes, HeaderField]:
    return {field.name: field for field in reversed(fields)}
