# SPDX-License-Identifier: GPL-2.0-or-later
"""The messages of each call, as they came and as they went on, with the reason of every change.

Kept are the bytes and the edits; what people read is made when they ask, with its secrets masked.
"""

from __future__ import annotations

from typing import Final

from sipalg_core.alg.passage import Passage
from sipalg_core.contract.events import TraceEdit, TraceRow
from sipalg_core.net import Side
from sipalg_core.sdp.session import CONTENT_TYPE
from sipalg_core.sip.edit import Edit, apply
from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.grammar import Span
from sipalg_core.sip.message import Message, parse
from sipalg_core.sip.multipart import part_of

# --- Implementation constants ---
KEPT_FIRST: Final = 10
"""Messages from the beginning of a call that outlive newer ones."""
MAX_MESSAGES: Final = 60
MAX_OCTETS_OF_CALL: Final = 65_536
MAX_OCTETS: Final = 64 * 1024 * 1024
"""Of all calls; the calls that were silent for the longest time go first."""

SECRET_HEADERS: Final = (b"authorization", b"proxy-authorization", b"authentication-info")
SECRET_LINES: Final = ((b"a=crypto:", b"inline:"), (b"a=ice-pwd:", b":"), (b"k=", b"="))
"""Lines of a description, and behind what their secret begins (RFC 4568, 8839, 8866 §5.12)."""
_MASK: Final = b"*"


_Entry = tuple[float, bool, bytes, tuple[tuple[int, int, bytes, str], ...], str]
"""When, whether from inside, as it came, what was replaced and why, verdict.

Plain tuples of plain values: the collector soon stops looking at them, and there are as many as messages.
"""


class Traces:
    def __init__(self) -> None:
        self._calls: dict[str, list[_Entry]] = {}
        self._octets: dict[str, int] = {}
        self._total = 0

    def add(self, passage: Passage, verdict: str) -> None:
        """Note a message that belongs to a call; others leave no trace."""
        if passage.call is None:
            return
        ident, data = passage.call.id, passage.message.original()
        entries = self._calls.pop(ident, [])
        self._calls[ident] = entries  # it is the youngest now
        edits = tuple([(start, end, text, reason) for (start, end), text, reason in passage.edits])
        entries.append((passage.now, passage.side is Side.INTERNAL, data, edits, verdict))
        self._grow(ident, len(data))
        while len(entries) > 1 and (len(entries) > MAX_MESSAGES or self._octets[ident] > MAX_OCTETS_OF_CALL):
            self._grow(ident, -len(entries.pop(min(KEPT_FIRST, len(entries) - 2))[2]))
        while self._total > MAX_OCTETS and len(self._calls) > 1:
            oldest = next(iter(self._calls))
            del self._calls[oldest]
            self._total -= self._octets.pop(oldest)

    def _grow(self, ident: str, octets: int) -> None:
        self._octets[ident] = self._octets.get(ident, 0) + octets
        self._total += octets

    def of(self, ident: str, wall: float) -> list[TraceRow]:
        return [_row(entry, wall) for entry in self._calls.get(ident, ())]


def _row(entry: _Entry, wall: float) -> TraceRow:
    t, internal, data, changes, verdict = entry
    edits = sorted(Edit(Span(start, end), text, reason) for start, end, text, reason in changes)
    before = _masked(parse(data))
    after = apply(parse(before), edits)  # masking moves nothing, so the edits still fit
    return {
        "t": t + wall,
        "side": "internal" if internal else "external",
        "start_line": _text(before.partition(b"\r\n")[0]),
        "before": _text(before),
        "after": _text(after),
        "edits": [_edit(before, edit) for edit in edits],
        "applied": not verdict.startswith("shadow"),
        "verdict": verdict,
    }


def _edit(data: bytes, edit: Edit) -> TraceEdit:
    start = len(_text(data[: edit.span.start]))
    before = _text(data[edit.span.start : edit.span.end])
    return {
        "start": start,
        "end": start + len(before),
        "before": before,
        "after": _text(edit.replacement),
        "reason": edit.reason,
    }


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _masked(message: Message) -> bytes:
    """The message with as many asterisks as its secrets have octets: every other octet stays at its place (A45)."""
    data = bytearray(message.data)
    for field in message.fields:
        if field.name in SECRET_HEADERS:
            scheme = message.data.find(b" ", field.value, field.end)  # what stands before is "Digest"
            _mask(data, field.value if scheme < 0 else scheme + 1, field.end)
    shown = _description(message)
    _mask(data, message.body.start, shown.start)  # what people write to each other is not for us
    _mask(data, shown.end, message.body.end)
    at = shown.start
    while at < shown.end:
        end = message.data.find(b"\n", at, shown.end)
        end = shown.end if end < 0 else end
        for begins, behind in SECRET_LINES:
            if message.data.startswith(begins, at) and (found := message.data.find(behind, at, end)) >= 0:
                _mask(data, found + len(behind), end)
        at = end + 1
    return bytes(data)


def _description(message: Message) -> Span:
    """Where the body's session description stands; an empty range where it has none."""
    try:
        part = part_of(message, CONTENT_TYPE)
    except ParseError:
        part = None
    return Span(message.body.end, message.body.end) if part is None else part.body


def _mask(data: bytearray, start: int, end: int) -> None:
    for at in range(start, end):
        if data[at] not in b"\r\n":
            data[at : at + 1] = _MASK
