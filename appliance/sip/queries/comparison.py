# SPDX-License-Identifier: GPL-2.0-or-later
"""A message before and after the ALG, line by line, every changed character with the number of its change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sipalg_core.contract.events import TraceRow


class Piece(NamedTuple):
    """Characters of one line; `change` counts from 1, 0: unchanged."""

    text: str
    change: int


class Line(NamedTuple):
    number: int
    before: list[Piece]
    after: list[Piece]

    @property
    def changed(self) -> bool:
        return any(piece.change for piece in (*self.before, *self.after))


def compared(message: TraceRow) -> list[Line]:
    """Both texts side by side. No change of ours adds or takes a line, so they have the same number."""
    ends = [(edit["start"], edit["end"]) for edit in message["edits"]]
    before = list(_lines(message["before"], ends))
    placed = [(edit["at"], edit["at"] + len(edit["after"])) for edit in message["edits"]]
    after = list(_lines(message["after"], placed))
    after += [[]] * (len(before) - len(after))  # what did not go on has no other side
    return [Line(number, *sides) for number, sides in enumerate(zip(before, after, strict=False), 1)]


def _lines(text: str, changes: list[tuple[int, int]]) -> Iterator[list[Piece]]:
    """Cut at the ends of lines and at the ends of changes."""
    at = 0
    for line in text.splitlines(keepends=True):
        end = at + len(line)
        yield [
            piece for piece in _pieces(text, at, at + len(line.rstrip("\r\n")), changes) if piece.text or piece.change
        ]
        at = end


def _pieces(text: str, start: int, end: int, changes: list[tuple[int, int]]) -> Iterator[Piece]:
    at = start
    for number, (begins, ends) in enumerate(changes, 1):
        if start <= begins <= end:
            yield Piece(text[at:begins], 0)
            yield Piece(text[begins:ends], number)
            at = ends
    yield Piece(text[at:end], 0)
