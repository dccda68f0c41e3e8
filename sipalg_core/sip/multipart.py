# SPDX-License-Identifier: GPL-2.0-or-later
"""Bodies in several parts (RFC 2046 §5.1, RFC 5621): where the one part of a type stands, and the lengths around it.

Rules of this file: nothing is decoded or unpacked; a part that would have to be is not looked at.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sipalg_core.sip.edit import Edit, growth
from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.fields import HeaderField, first_of_each, read_fields
from sipalg_core.sip.grammar import LWS, Span, decimal
from sipalg_core.sip.message import Message
from sipalg_core.sip.uri import parameter

# --- Implementation constants: more is somebody hiding something ---
MAX_PARTS: Final = 8
MAX_DEPTH: Final = 2

PART_LENGTH: Final = "content-length of the part: the part's length changed"

_Index = dict[bytes, HeaderField]


class Part(NamedTuple):
    kind: bytes  # "application/sdp", lower case
    body: Span
    lengths: tuple[Span, ...]  # Content-Length values of the parts around it, innermost first; the message's is not one


def part_of(message: Message, kind: bytes) -> Part | None:
    """The body, or the only part of it, that is of this type; None where none is. Raise ParseError for doubt."""
    found = [part for part in _parts(message.data, message.index, message.body, (), 0) if part.kind == kind]
    if len(found) > 1:
        raise ParseError("multipart-several")
    return found[0] if found else None


def length_edits(message: Message, part: Part, edits: list[Edit]) -> list[Edit]:
    """What keeps the Content-Length of the parts right when these edits are made inside of the part."""
    grown = growth(edits)
    corrected: list[Edit] = []
    for span in part.lengths if grown else ():
        length = decimal(message.data[span.start : span.end], 6)
        if length is not None:
            corrected.append(Edit(span, b"%d" % (length + grown), PART_LENGTH))
            grown += growth(corrected[-1:])
    return corrected


def _parts(data: bytes, index: _Index, body: Span, lengths: tuple[Span, ...], depth: int) -> list[Part]:
    field = index.get(b"content-type")
    if field is None or body.start == body.end:
        return []
    kind = _word(data, field)
    if not kind.startswith(b"multipart/"):
        return [Part(kind, body, lengths)] if _is_plain(data, index) else []
    if depth == MAX_DEPTH:
        raise ParseError("multipart-depth")
    found: list[Part] = []
    for start, end in _split(data, body, _boundary(data, field)):
        fields: list[HeaderField] = []
        at = read_fields(data, start, end, fields)
        inner = first_of_each(fields)
        own = inner.get(b"content-length")
        around = (Span(own.value, own.end), *lengths) if own else lengths
        found += _parts(data, inner, Span(at, end), around, depth + 1)
    return found


def _word(data: bytes, field: HeaderField) -> bytes:
    """The value without its parameters."""
    return data[field.value : field.end].partition(b";")[0].strip().lower()


def _is_plain(data: bytes, index: _Index) -> bool:
    """Whether the octets are the content itself, and the content is for the session (RFC 3261 §20.11)."""
    if b"content-encoding" in index:
        return False
    transfer, disposition = index.get(b"content-transfer-encoding"), index.get(b"content-disposition")
    if transfer is not None and _word(data, transfer) not in (b"binary", b"8bit", b"7bit"):
        return False
    return disposition is None or _word(data, disposition) == b"session"


def _boundary(data: bytes, field: HeaderField) -> bytes:
    semicolon = data.find(b";", field.value, field.end)
    found = parameter(data, Span(semicolon, field.end), b"boundary") if semicolon >= 0 else None
    text = data[found.start : found.end].strip(b'"') if found else b""
    if not 0 < len(text) <= 70:  # RFC 2046 §5.1.1
        raise ParseError("multipart-boundary")
    return text


def _split(data: bytes, body: Span, boundary: bytes) -> list[Span]:
    """What stands between the delimiter lines; the line end in front of a delimiter belongs to it."""
    found: list[Span] = []
    mark, part = b"\n--" + boundary, -1
    at = body.start - 1  # the end of the blank line that every body follows
    while (at := data.find(mark, at, body.end)) >= 0:
        behind = at + len(mark)
        newline = data.find(b"\n", behind, body.end)
        rest = data[behind : body.end if newline < 0 else newline].rstrip(LWS)
        if rest in (b"", b"--"):  # else it is text, or the delimiter of a boundary that begins like this one
            if part >= 0:
                found.append(Span(part, max(part, at - 1 if data[at - 1] == 0x0D else at)))
            if len(found) > MAX_PARTS:
                raise ParseError("multipart-parts")
            if rest:
                return found
            if newline < 0:
                break
            part = newline + 1
        at = behind
    raise ParseError("multipart-open")
