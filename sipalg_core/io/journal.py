# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's state on disk, so that the next engine goes on where this one stopped, however it stopped.

It lies where the sockets lie: a reboot ends all calls, and then nothing of them should come back.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from pathlib import Path
from typing import Final

from sipalg_core.alg.effects import Effect
from sipalg_core.alg.engine import Engine
from sipalg_core.alg.state import StateError
from sipalg_core.io.faults import Faults

log = logging.getLogger(__name__)

# --- Implementation constants ---

INTERVAL: Final = 0.5
"""Seconds that a change may be unwritten; what happens in them a killed engine forgets."""
LARGEST_SHARE: Final = 0.02
"""Of the engine's time that writing may take: with very many calls it is done less often instead."""


class Journal:
    def __init__(self, engine: Engine, path: Path, faults: Faults) -> None:
        self._engine = engine
        self._path = path
        self._faults = faults
        self._changed = False

    def changed(self) -> None:
        """Something that must survive is different."""
        self._changed = True

    def restore(self, now: float) -> list[Effect]:
        """Let the engine go on from what was written; nothing where there is nothing, or nothing of use."""
        try:
            exported = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return []
        except ValueError as error:
            log.warning("%s is no state: %s", self._path, error)
            return []
        try:
            return self._engine.restore(exported, now)
        except StateError as error:
            log.warning("%s was not taken over: %s", self._path, error)
            return []

    async def run(self) -> None:
        while True:
            began = time.monotonic()
            if self._changed:
                with self._faults.caught("writing the state"):
                    self.write()
            await asyncio.sleep(max(INTERVAL, (time.monotonic() - began) / LARGEST_SHARE))

    def write(self) -> None:
        """All or nothing: a reader sees the old file or the new one."""
        self._changed = False
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(self._engine.export(), separators=(",", ":")))
        fresh.replace(self._path)
