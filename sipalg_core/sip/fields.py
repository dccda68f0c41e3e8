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

_FOLDS: Final = (b" ", b"\t")


@dataclass(slots=True)
class HeaderField:
    name: bytes  # lower case, long form
    start: int  # of the line
    value: int  # first byte of the value
    end: int  # behind the last byte of the value


def read_fields(data: bytes, at: int, limit: int, fields: list[HeaderField]) -> int:
    """Append the header fields from `at`, a line's beginning; return where the blank line behind them ends.

    Raise ParseError; what was read before the fault stands in `fields`.
    """
    stop, behind = _blank_line(data, at - 1, limit)
    for line in data[at:stop].split(b"\n") if at < stop else ():
        end = at + len(line)
        raw, colon, value = line.partition(b":")
        known = NAMES.get(raw)
        if known is not None and len(fields) < MAX_HEADERS:  # nearly every line of nearly every message
            first, last = end - len(value), end
            if value[-1:] == b"\r":
                last -= 1
            if value[:1] == b" " and first < last:
                first += 1
            if first < last and (data[first] in LWS or data[last - 1] in LWS):
                first, last = trim(data, first, last)
            fields.append(HeaderField(known, at, first, last))
            if end - at > MAX_LINE:
                raise ParseError("line-too-long", 413)
            at = end + 1
            continue
        if line[:1] in _FOLDS and fields:  # the field goes on (RFC 3261 §7.3.1)
            field = fields[-1]
            first, last = trim(data, at, end)
            if first < last:
                field.value, field.end = first if field.value == field.end else field.value, last
        elif not colon:
            raise ParseError("header-without-colon")
        elif len(fields) == MAX_HEADERS:
            raise ParseError("too-many-headers", 413)
        else:
            bare = value.lstrip(LWS)
            start = end - len(bare)
            field = HeaderField(NAMES.get(raw) or _name(raw), at, start, start + len(bare.rstrip(LWS)))
            fields.append(field)
        if end - field.start > MAX_LINE:
            raise ParseError("line-too-long", 413)
        at = end + 1
    return behind


def _blank_line(data: bytes, at: int, limit: int) -> tuple[int, int]:
    """Where the last line in front of the first blank one ends (its line feed), and where the blank one ends."""
    crlf = data.find(b"\n\r\n", at, limit)
    lf = data.find(b"\n\n", at, limit if crlf < 0 else crlf + 1)
    if lf >= 0:
        return lf, lf + 2
    if crlf < 0:
        raise ParseError("no-blank-line")
    return crlf, crlf + 3


def _name(raw: bytes) -> bytes:
    name = raw.rstrip(b" \t")  # white space before the colon is legal (RFC 3261 §7.3.1)
    if not is_token(name):
        raise ParseError("header-name")
    return long_name(name)


def first_of_each(fields: list[HeaderField]) -> dict[bytes, HeaderField]:
    return {field.name: field for field in reversed(fields)}
