# SPDX-License-Identifier: GPL-2.0-or-later
"""Edits: only what they name changes, and the length of the body keeps up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipalg_core.sip import edit
from sipalg_core.sip.edit import Edit
from sipalg_core.sip.grammar import Span
from sipalg_core.sip.message import parse
from tests.unit.sip.test_message import INVITE


def at(text: bytes) -> Span:
    start = INVITE.index(text)
    return Span(start, start + len(text))


def test_body_edit_corrects_the_length():
    changed = edit.apply(parse(INVITE), [Edit(at(b"body"), b"longer body", "test")])
    assert changed == INVITE.replace(b"Length: 4", b"Length: 11").replace(b"body", b"longer body")


def test_head_edit_leaves_the_length():
    changed = edit.apply(parse(INVITE), [Edit(at(b"alice"), b"a", "test")])
    assert changed == INVITE.replace(b"alice", b"a", 1)


def test_compact_length_stays_compact():
    compact = INVITE.replace(b"Content-Length", b"l")
    start = compact.index(b"body")
    assert b"\r\nl: 5\r\n" in edit.apply(parse(compact), [Edit(Span(start, start + 4), b"12345", "test")])


def test_length_is_not_invented():
    without = INVITE.replace(b"Content-Length: 4\r\n", b"")
    start = without.index(b"body")
    assert b"ength" not in edit.apply(parse(without), [Edit(Span(start, start + 4), b"12345", "test")])


def test_overlapping_edits_are_a_fault_of_ours():
    with pytest.raises(ValueError, match="overlap"):
        edit.apply(parse(INVITE), [Edit(Span(5, 9), b"", "one"), Edit(Span(8, 12), b"", "two")])


@given(st.lists(st.tuples(st.integers(0, len(INVITE)), st.integers(0, 9), st.binary(max_size=12)), max_size=6))
def test_what_no_edit_names_stays(raw: list[tuple[int, int, bytes]]):
    """Undoing the declared edits gives the original back, whatever they were."""
    message = parse(INVITE)
    edits: list[Edit] = []
    length = message.first(b"content-length")
    assert length is not None
    for start, size, text in sorted(raw):
        span = Span(start, min(start + size, message.body.start))
        free = not edits or edits[-1].span.end < span.start
        if span.start <= span.end <= length.value and free:
            edits.append(Edit(span, text, "test"))
    changed = edit.apply(message, edits)
    for one in reversed(edits):
        assert changed[one.span.start + _shift(edits, one) :].startswith(one.replacement)
    assert len(changed) == len(INVITE) + sum(len(e.replacement) - (e.span.end - e.span.start) for e in edits)


def _shift(edits: list[Edit], until: Edit) -> int:
    return sum(len(e.replacement) - (e.span.end - e.span.start) for e in edits if e.span.start < until.span.start)
