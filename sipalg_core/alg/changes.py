# SPDX-License-Identifier: GPL-2.0-or-later
"""What has changed since it was last written down: the names of things that survive a restart, not their values."""

from __future__ import annotations

from typing import Any, Literal

Part = Literal["mapping", "call-id", "registration", "asked", "transaction", "pair", "call", "rest"]
Name = tuple[Part, Any]
"""A part of the state, and what its table calls the thing by."""


class Changes:
    """Noted by whoever owns the thing; each once, in the order in which they were first noted."""

    def __init__(self) -> None:
        self._noted: dict[Name, None] = {}

    def __len__(self) -> int:
        return len(self._noted)

    def note(self, part: Part, key: Any) -> None:
        self._noted[part, key] = None

    def take(self, most: int) -> list[Name]:
        """The oldest, at most so many; they are noted no longer."""
        if len(self._noted) <= most:
            taken = list(self._noted)
            self._noted.clear()
            return taken
        taken = [name for name, _ in zip(self._noted, range(most), strict=False)]
        for name in taken:
            del self._noted[name]
        return taken
