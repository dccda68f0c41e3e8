# SPDX-License-Identifier: GPL-2.0-or-later
"""The log of a process, which nobody outside can make grow as he likes: what comes too often is only counted (A43)."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

# --- Implementation constants ---

WINDOW: Final = 60.0  # seconds
WHOLE: Final = 10
"""So many lines of a kind are written in a window, then only the hundredth, the thousandth and so on."""
MOST_KINDS: Final = 1000

Kind = tuple[str, str, type[BaseException] | None]
"""Logger, text before its arguments are filled in, and what was raised."""


@dataclass(slots=True)
class _Seen:
    times: int
    until: float


class Sparing(logging.Filter):
    """For a handler. The counters of what is not written stand elsewhere: every drop has one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[Kind, _Seen] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock()
        kind = record.name, str(record.msg), record.exc_info[0] if record.exc_info else None
        seen = self._seen.get(kind)
        if seen is None or seen.until <= now:
            self._seen.pop(kind, None)
            if len(self._seen) >= MOST_KINDS:
                del self._seen[next(iter(self._seen))]
            seen = self._seen[kind] = _Seen(0, now + WINDOW)
        seen.times += 1
        if seen.times <= WHOLE:
            return True
        if str(seen.times).strip("0") != "1":
            return False
        record.msg = f"{record.msg} (the {seen.times}th of its kind within {WINDOW:.0f} s)"
        return True


class OneLine(logging.Formatter):
    """What a stranger says begins no line of its own and moves no cursor: all that cannot be printed is written out."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        if not record.message.isprintable():
            record.message = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in record.message)
        return super().formatMessage(record)


def begin(process: str, level: str) -> None:
    """Write to standard error, sparingly."""
    logging.basicConfig(level=level)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(OneLine(f"%(asctime)s {process} %(levelname)s %(message)s"))
        handler.addFilter(Sparing())
