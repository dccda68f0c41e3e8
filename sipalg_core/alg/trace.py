# SPDX-License-Identifier: GPL-2.0-or-later
"""The messages of each call, as they came and as they went on, with the reason of every change.

Kept are the bytes and the edits; what people read is made when they ask, with its secrets masked.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from sipalg_core.alg.effects import Forward
from sipalg_core.alg.passage import Passage
from sipalg_core.contract.events import MessageRow, TraceEdit, TraceRow
from sipalg_core.net import Endpoint, Side, Transport
from sipalg_core.sdp.session import CONTENT_TYPE
from sipalg_core.sip.edit import Edit, apply, with_length
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
_DATA: Final = 5
_EDITS: Final = 6
"""The places of a message's octets and of its edits in its entry."""


_Wires = tuple[str, int, str, int, str, int, str, int]
"""Source and destination where it came, and where it left; the second pair empty where it did not."""
_Changes = tuple[tuple[int, int, bytes, str], ...]
_Entry = tuple[int, float, bool, bool, _Wires, bytes, _Changes, str, int]
"""Number, when, whether from inside, whether over TCP, as it came, what was replaced and why, verdict, our own answer.

Plain tuples of plain values: the collector soon stops looking at them, and there are as many as messages.
"""


class Traces:
    def __init__(self) -> None:
        self._calls: dict[str, list[_Entry]] = {}
        self._octets: dict[str, int] = {}
        self._total = 0

    def add(self, passage: Passage, verdict: str, sent: Forward | None, answered: int = 0) -> None:
        """Note a message that belongs to a call; others leave no trace. `answered`: with that status, by ourselves."""
        if passage.call is None:
            return
        ident, data, flow = passage.call.id, passage.message.original(), passage.flow
        left = (*sent.source, *sent.destination) if sent is not None else ("", 0, "", 0)
        wires: _Wires = (*flow.source, *flow.destination, *left)
        entries = self._calls.pop(ident, [])
        self._calls[ident] = entries  # it is the youngest now
        edits = tuple([(start, end, text, reason) for (start, end), text, reason in passage.edits])
        number = entries[-1][0] + 1 if entries else 1
        inside, tcp = flow.side is Side.INTERNAL, flow.transport is Transport.TCP
        entries.append((number, passage.now, inside, tcp, wires, data, edits, verdict, answered))
        self._grow(ident, len(data))
        while len(entries) > 1 and (len(entries) > MAX_MESSAGES or self._octets[ident] > MAX_OCTETS_OF_CALL):
            self._grow(ident, -len(entries.pop(min(KEPT_FIRST, len(entries) - 2))[_DATA]))
        while self._total > MAX_OCTETS and len(self._calls) > 1:
            oldest = next(iter(self._calls))
            del self._calls[oldest]
            self._total -= self._octets.pop(oldest)

    def _grow(self, ident: str, octets: int) -> None:
        self._octets[ident] = self._octets.get(ident, 0) + octets
        self._total += octets

    def of(self, ident: str, wall: float) -> list[TraceRow]:
        """With their texts."""
        entries = self._calls.get(ident, ())
        return [_row(entry, brief) for entry, brief in zip(entries, self.brief(ident, wall), strict=True)]

    def brief(self, ident: str, wall: float) -> list[MessageRow]:
        """One line a message."""
        first: dict[tuple[bool, bytes], int] = {}  # an equal message from the same side is a retransmission
        rows = []
        for entry in self._calls.get(ident, ()):
            number, inside, data = entry[0], entry[2], entry[_DATA]
            repeats = first.setdefault((inside, data), number)
            row = _brief(entry).copy()
            row["t"] += wall
            row["repeats"] = f"m{repeats}" if repeats != number else ""
            rows.append(row)
        return rows


@lru_cache(maxsize=2048)
def _brief(entry: _Entry) -> MessageRow:
    """By our own clock. Kept, since who looks at a call asks again twice a second."""
    number, t, inside, tcp, wires, data, changes, verdict, answered = entry
    message = parse(data)
    return {
        "part": "message",
        "id": f"m{number}",
        "t": t,
        "side": "internal" if inside else "external",
        "transport": Transport.TCP.value if tcp else Transport.UDP.value,
        "source": _endpoint(wires[0], wires[1]),
        "destination": _endpoint(wires[2], wires[3]),
        "sent_from": _endpoint(wires[4], wires[5]),
        "sent_to": _endpoint(wires[6], wires[7]),
        "method": _text(message.method),
        "status": message.status_code,
        "phrase": _text(message.reason_phrase),
        "cseq": message.cseq,
        "start_line": _text(data.partition(b"\r\n")[0]),
        "sdp": not _is_empty(_description(message)),
        "changes": len(with_length(message, _made(changes))),
        "repeats": "",
        "answered": answered,
        "applied": not verdict.startswith("shadow"),
        "verdict": verdict,
    }


def _row(entry: _Entry, brief: MessageRow) -> TraceRow:
    data, changes = entry[_DATA], entry[_EDITS]
    before = _masked(parse(data))
    message = parse(before)  # masking moves nothing, so the edits still fit
    edits = with_length(message, _made(changes))
    forwarded = bool(brief["sent_to"])
    return {
        **brief,
        "before": _text(before),
        "after": _text(apply(message, edits[: len(changes)])) if forwarded else "",
        "edits": _edits(message, sorted(edits)) if forwarded else [],
    }


def _made(changes: _Changes) -> list[Edit]:
    return sorted(Edit(Span(start, end), text, reason) for start, end, text, reason in changes)


def _edits(message: Message, edits: list[Edit]) -> list[TraceEdit]:
    rows: list[TraceEdit] = []
    grown = 0  # characters that the changes before this one added
    for edit in edits:
        start = len(_text(message.data[: edit.span.start]))
        before, after = _text(message.data[edit.span.start : edit.span.end]), _text(edit.replacement)
        rows.append(
            {
                "start": start, "end": start + len(before), "at": start + grown, "before": before, "after": after,
                "where": _where(message, edit.span.start), "reason": edit.reason,
            }
        )  # fmt: skip
        grown += len(after) - len(before)
    return rows


def _where(message: Message, at: int) -> str:
    """The header field that the octet stands in, as the sender wrote its name; in a body, the type of the line."""
    if at >= message.body.start:
        line = message.data.rfind(b"\n", 0, at) + 1
        return _text(message.data[line : message.data.find(b"=", line, at) + 1])
    for field in message.fields:
        if field.value <= at <= field.end:
            line = max(message.data.rfind(b"\r\n", 0, field.value) + 2, 0)
            return _text(message.data[line : message.data.find(b":", line)].strip())
    return _text(message.data.partition(b" ")[0])


def _endpoint(host: str, port: int) -> str:
    return str(Endpoint(host, port)) if host else ""


def _is_empty(span: Span) -> bool:
    return span.start == span.end


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
