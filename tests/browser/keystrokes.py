# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a person would take: an estimate by the keystroke-level model, of what a test's hand did and what it saw.

Operators of Card, Moran and Newell (Communications of the ACM 23(7), 1980), for an average typist who is no secretary.
To them comes reading, since the person has not seen the pages: every word that stands in a step, once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

# --- Published times, seconds ---

KEY: Final = 0.28
POINT: Final = 1.1
CLICK: Final = 0.2
HOME: Final = 0.4
"""A hand from the mouse to the keys, or back."""
DECIDE: Final = 1.35
WORD: Final = 60 / 200
"""At 200 words a minute: slow, as people read what they do not know."""


@dataclass
class Person:
    words: int = 0
    keys: int = 0
    clicks: int = 0
    changes: int = 0  # of the hand
    decisions: int = 0
    waited: float = 0.0  # seconds, as measured
    steps: dict[str, int] = field(default_factory=dict)
    """Words by step."""
    _seen: set[tuple[str, str]] = field(default_factory=set)

    def reads(self, step: str, text: str) -> None:
        """What stands there and was not there before."""
        for line in text.splitlines():
            if line.strip() and (step, line) not in self._seen:
                self._seen.add((step, line))
                count = len(line.split())
                self.words += count
                self.steps[step] = self.steps.get(step, 0) + count

    def points(self) -> None:
        self.clicks += 1
        self.decisions += 1

    def types(self, text: str) -> None:
        """Into a field that is pointed at first; the hand goes back to the mouse."""
        self.points()
        self.keys += len(text)
        self.changes += 2

    @contextmanager
    def waits(self) -> Iterator[None]:
        """For the product; that the person could read meanwhile is not taken off."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.waited += time.monotonic() - began

    @property
    def acting(self) -> float:
        moved = self.clicks * (POINT + CLICK) + self.keys * KEY + self.changes * HOME
        return moved + self.decisions * DECIDE

    @property
    def reading(self) -> float:
        return self.words * WORD

    @property
    def seconds(self) -> float:
        return self.reading + self.acting + self.waited

    def __str__(self) -> str:
        longest = max(self.steps, key=self.steps.__getitem__, default="")
        return (
            f"estimate {self.seconds:.0f} s: {self.reading:.0f} s to read {self.words} words (most in {longest!r}: "
            f"{self.steps.get(longest, 0)}), {self.acting:.0f} s for {self.clicks} clicks, {self.keys} keys and "
            f"{self.decisions} decisions, {self.waited:.0f} s of waiting in this run"
        )
