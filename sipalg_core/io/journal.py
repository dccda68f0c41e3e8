# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's state on disk, change by change, so that the next engine goes on where this one stopped, however it did.

One JSON record a line, behind a head that names the run of the machine: a reboot ends all calls, and then nothing of
them should come back. A killed engine may leave half a line at the end; the next one cuts it off.
"""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from sipalg_core.alg.changes import Name
from sipalg_core.alg.state import VERSION, State
from sipalg_core.io.faults import Faults

log = logging.getLogger(__name__)

# --- Implementation constants ---

LARGEST_SHARE: Final = 0.04
"""Of the engine's time that writing may take. As long as it took less, what changed is written before what follows from
it is sent; then some milliseconds later."""
CREDIT: Final = 0.05
"""Seconds of writing that a quiet time saves up for a busy one: some thousand records."""
AT_A_TIME: Final = 32
"""Records encoded before datagrams have their turn again: about a millisecond."""
COMPACTED_FROM: Final = 4 * 1024 * 1024
"""Octets from which on the file is written anew once it has doubled."""
SOON: Final = 0.002
"""Seconds until the next records have their turn."""
PAUSE: Final = 1.0
"""Seconds until it is tried again after the disk refused."""
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")

_dump = json.JSONEncoder(separators=(",", ":")).encode


class Journal:
    """`turn` is called with every input of the engine; nothing else needs to be."""

    def __init__(self, state: State, path: Path, faults: Faults) -> None:
        self._state = state
        self._path = path
        self._faults = faults
        self._file: int | None = None
        self._size = 0
        self._compact_at = COMPACTED_FROM
        self._credit, self._credited = CREDIT, 0.0  # what writing may still take, as of then
        self._not_before = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._anew: _Compaction | None = None
        self._writes = True

    # --- before the first input ---

    def restore(self, now: float) -> None:
        """Let the engine go on from what was written, and write on behind it."""
        found = self._read()
        wrong = self._state.restore(found or (), now)
        self._state.changes.take(len(self._state.changes))  # all of it stands in the file
        if wrong:
            log.warning("%s: %d records cannot be read and are left out", self._path, wrong)
        self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        if found is None:
            os.ftruncate(self._file, 0)
            self._append(self._file, _line([VERSION, _boot()]))
        self._size = os.fstat(self._file).st_size
        self._compact_at = max(COMPACTED_FROM, self._size)

    def _read(self) -> list[Any] | None:
        """The records, without half a line at the end, which is cut off; None where there is none of this boot."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return None
        whole = text.rfind(b"\n") + 1
        head, *lines = text[:whole].split(b"\n")[:-1] or [b""]
        if _parsed(head) != [VERSION, _boot()]:
            log.warning("%s is no journal of this run of the machine: nothing is taken over", self._path)
            return None
        if whole < len(text):
            os.truncate(self._path, whole)
        return [_parsed(line) for line in lines]

    # --- with every input ---

    def turn(self, now: float) -> None:
        """Write what has changed, if writing has not had its share yet; else soon."""
        if self._state.changes or self._anew is not None:
            self._credit = min(CREDIT, self._credit + (now - self._credited) * LARGEST_SHARE)
            self._credited = now
            if self._credit > 0 and now >= self._not_before:
                self._write()
            elif self._timer is None:
                at = max(self._not_before, now - self._credit / LARGEST_SHARE) + SOON
                self._timer = asyncio.get_running_loop().call_at(at, self._due)

    def _due(self) -> None:
        self._timer = None
        self.turn(time.monotonic())

    def _write(self) -> None:
        began = time.monotonic()
        try:
            self.flush(AT_A_TIME)
            if self._anew is not None:
                self._go_on(self._anew)
            elif self._size >= 2 * self._compact_at:
                self._anew = _Compaction(self._path, self._state.names())
        except OSError as error:
            self._abandon(error)
            self._not_before = began + PAUSE
        else:
            self._writes = True
        self._credit -= time.monotonic() - began
        if (self._state.changes or self._anew is not None) and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SOON, self._due)

    def flush(self, most: int) -> None:
        """Append so many changes. They stay noted where the disk does not take them: OSError."""
        if self._file is None or not self._state.changes:
            return
        names = self._state.changes.take(most)
        try:
            lines = self._lines(names)
            self._append(self._file, lines)
            if self._anew is not None:
                self._append(self._anew.file, lines)
        except OSError:
            for part, key in names:
                self._state.changes.note(part, key)
            os.ftruncate(self._file, self._size)  # half a line would spoil the next
            raise
        self._size += len(lines)

    def _abandon(self, error: OSError) -> None:
        """The disk does not take it: the old file stays what it is, and what has changed stays noted."""
        self._faults.counts["error:journal"] += 1
        if self._writes:
            log.error("%s: %s; calls go on, a restart would not know the latest", self._path, error)
        self._writes = False
        if self._anew is not None:
            os.close(self._anew.file)
            self._anew.path.unlink(missing_ok=True)
            self._anew, self._compact_at = None, self._size

    def close(self) -> None:
        """Write all that has changed; the file is complete whenever it is looked at."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        try:
            self.flush(len(self._state.changes))
        except OSError as error:
            self._abandon(error)
        for file in (self._file, self._anew.file if self._anew else None):
            if file is not None:
                os.close(file)
        self._file = self._anew = None

    # --- once it has grown ---

    def _go_on(self, anew: _Compaction) -> None:
        """A few records more into the new file; the last ones make it the journal. Changes go into both meanwhile."""
        names = anew.some(AT_A_TIME)
        self._append(anew.file, self._lines(names))
        if names:
            return
        assert self._file is not None
        anew.path.replace(self._path)
        os.close(self._file)
        self._file, self._anew = anew.file, None
        self._size = os.fstat(anew.file).st_size
        self._compact_at = max(COMPACTED_FROM, self._size)

    def _lines(self, names: list[Name]) -> bytes:
        return b"".join(map(_line, self._state.records(names)))

    @staticmethod
    def _append(file: int, lines: bytes) -> None:
        if os.write(file, lines) != len(lines):
            raise OSError(errno.ENOSPC, "it took a part only")


class _Compaction:
    """What there is, on its way into a new file, beside which the old one stays complete."""

    def __init__(self, path: Path, names: list[Name]) -> None:
        self.path = path.with_suffix(".new")
        self.file = os.open(self.path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.write(self.file, _line([VERSION, _boot()]))
        self._names: Iterator[Name] = iter(names)

    def some(self, most: int) -> list[Name]:
        return [name for _, name in zip(range(most), self._names, strict=False)]


def _line(record: Any) -> bytes:
    return _dump(record).encode() + b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None  # no record; whoever takes it over counts it


def _boot() -> str:
    return _BOOT.read_text().strip()
