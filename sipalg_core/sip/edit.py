# SPDX-License-Identifier: GPL-2.0-or-later
"""Edits: what is replaced in a message, and why. `apply` is the only place that makes a message's bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from sipalg_core.sip.grammar import Span
from sipalg_core.sip.message import Message

CONTENT_LENGTH: Final = "content-length: the body's length changed"


class Edit(NamedTuple):
    span: Span
    replacement: bytes
    reason: str  # the rule behind it, for people: "contact: our mapping of 192.168.0.10:5060"


def growth(edits: Iterable[Edit]) -> int:
    """By how many octets they make a text longer."""
    return sum(len(replacement) - (end - start) for (start, end), replacement, _ in edits)


def with_length(message: Message, edits: list[Edit]) -> list[Edit]:
    """With the correction of Content-Length, where they change the body's length."""
    body, grown = message.body, 0
    for (start, end), replacement, _ in edits:
        if start >= body.start:
            grown += len(replacement) - (end - start)
    length = message.first(b"content-length")
    if not grown or length is None:
        return edits
    return [*edits, Edit(Span(length.value, length.end), b"%d" % (body.end - body.start + grown), CONTENT_LENGTH)]


def apply(message: Message, edits: list[Edit]) -> bytes:
    """The message with every edit made and Content-Length corrected; without edits, its very bytes.

    Edits must not overlap. Content-Length is changed only where it stands and where the body's length changes.
    """
    if not edits:
        return message.original()
    data, body = message.data, message.body
    edits = with_length(message, edits)
    pieces: list[bytes] = []
    at = 0
    for (start, end), replacement, _ in sorted(edits):
        if start < at:
            raise ValueError("edits overlap")
        pieces += (data[at:start], replacement)
        at = end
    pieces.append(data[at : body.end])
    return b"".join(pieces)


def text(message: Message, span: Span, edits: list[Edit]) -> bytes:
    """What stands in this range once the edits are made; edits must lie inside or outside of it."""
    pieces: list[bytes] = []
    at = span.start
    for edit in sorted(edits):
        if span.start <= edit.span.start and edit.span.end <= span.end:
            pieces += (message.data[at : edit.span.start], edit.replacement)
            at = edit.span.end
    return b"".join([*pieces, message.data[at : span.end]])
