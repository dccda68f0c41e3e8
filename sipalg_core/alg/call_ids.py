# SPDX-License-Identifier: GPL-2.0-or-later
"""Call-ID hiding: what an internal party names its calls is replaced outside, reversibly, wherever a dialog is named.

A Call-ID that left as it was stays as it was: switching the setting concerns new calls only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from sipalg_core.alg.changes import Changes
from sipalg_core.sip.edit import Edit
from sipalg_core.sip.fields import HeaderField
from sipalg_core.sip.grammar import Span
from sipalg_core.sip.message import Message

CALL_ID: Final = "the internal Call-ID and its replacement"
MAX_HIDDEN: Final = 50_000
"""Call-IDs remembered; the ones that were silent for the longest time go first."""
_NAMES_A_DIALOG: Final = (b"call-id", b"replaces", b"join", b"target-dialog")
"""RFC 3261, 3891, 3911, 4538: the Call-ID stands first, parameters follow."""

Translate = Callable[[bytes], bytes]


class CallIds:
    def __init__(self, random: Random, changes: Changes) -> None:
        self._random = random
        self._changes = changes
        self.hidden: dict[bytes, bytes] = {}  # internal → external
        self._internal: dict[bytes, bytes] = {}

    def hide(self, call_id: bytes) -> None:
        """From now on this Call-ID is replaced."""
        if call_id not in self.hidden:
            self.restore(call_id, b"%032x" % self._random.getrandbits(128))
            if len(self.hidden) > MAX_HIDDEN:
                oldest = next(iter(self.hidden))
                del self._internal[self.hidden.pop(oldest)]
                self._changes.note("call-id", oldest)

    def restore(self, call_id: bytes, hidden: bytes) -> None:
        self._changes.note("call-id", call_id)
        self.hidden[call_id], self._internal[hidden] = hidden, call_id

    def to_external(self, call_id: bytes) -> bytes:
        hidden = self.hidden.pop(call_id, None)
        if hidden is None:
            return call_id
        self.hidden[call_id] = hidden  # it is the youngest again
        return hidden

    def to_internal(self, call_id: bytes) -> bytes:
        return self._internal.get(call_id, call_id)

    def outward(self, message: Message) -> list[Edit]:
        return list(_edits(message, self.to_external)) if self.hidden else []

    def inward(self, message: Message) -> list[Edit]:
        return list(_edits(message, self.to_internal)) if self.hidden else []


def _edits(message: Message, translate: Translate) -> Iterator[Edit]:
    for field in message.fields:
        if field.name in _NAMES_A_DIALOG:
            yield from _translated(message, _until(message.data, field.value, field.end, b";"), translate)
        elif field.name == b"in-reply-to":
            at = field.value
            while at < field.end:
                span = _until(message.data, at, field.end, b",")
                yield from _translated(message, span, translate)
                at = span.end + 1
        elif field.name == b"refer-to":
            yield from _embedded(message, field, translate)


def _translated(message: Message, span: Span, translate: Translate) -> Iterator[Edit]:
    raw = message.data[span.start : span.end]
    known = raw.strip()
    if (replaced := translate(known)) != known:
        start = span.start + raw.find(known)
        yield Edit(Span(start, start + len(known)), replaced, CALL_ID)


def _embedded(message: Message, field: HeaderField, translate: Translate) -> Iterator[Edit]:
    """`Refer-To: <sip:…?Replaces=call-id%3Bto-tag%3D…>` (RFC 3891 §6.1): the Call-ID is escaped there."""
    at = message.data.lower().find(b"replaces=", field.value, field.end)
    if at < 0 or message.data[at - 1 : at] not in (b"?", b"&"):
        return
    start = at + len(b"replaces=")
    end = field.end
    for mark in (b">", b"&", b";", b"%3B", b"%3b"):
        end = _until(message.data, start, end, mark).end
    call_id = unquote_to_bytes(message.data[start:end])
    if (replaced := translate(call_id)) != call_id:
        yield Edit(Span(start, end), quote(replaced, safe="").encode(), CALL_ID)


def _until(data: bytes, start: int, end: int, mark: bytes) -> Span:
    stop = data.find(mark, start, end)
    return Span(start, end if stop < 0 else stop)
