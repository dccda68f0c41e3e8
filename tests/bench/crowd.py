# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m tests.bench.crowd pure|compiled alone|bare|traced`: an engine in its own process.

Says as JSON what each kind of message costs; or what a call takes of memory, with its trace or bare, what a message
costs among few calls and among many, and how long another engine takes to go on from the journal.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Final

from sipalg_core import compiled

FEW: Final = 100
MANY: Final = 10_000
ROUNDS: Final = 9
MESSAGES: Final = 1500
AMONG: Final = 500
"""Messages of a round among few or many calls; the two take turns."""


def main() -> None:
    form, part = sys.argv[1:]
    os.environ[compiled.SWITCH] = "required" if form == "compiled" else "no"
    compiled.take()
    from tests.bench.crowd_of_calls import Crowd, alone

    gc.set_threshold(10_000, 20, 1_000_000)  # as the engine's process has it
    if part == "alone":
        json.dump(alone(ROUNDS, MESSAGES), sys.stdout)
        return
    crowd = Crowd(traced=part == "traced")
    crowd.grow(FEW)
    before = resident()
    crowd.grow(MANY)
    found = {"octets": (resident() - before) / (MANY - FEW)}
    small = Crowd(traced=part == "traced")
    small.grow(FEW)
    turns = [(small.cost(turn, AMONG), crowd.cost(turn, AMONG)) for turn in range(ROUNDS)]
    few, many = (median(each) for each in zip(*turns, strict=True))
    found |= {"few": few, "many": many, "ratio": median(many / few for few, many in turns)}
    with tempfile.TemporaryDirectory() as place:
        gc.disable()  # as at the engine's start
        found["journal"], found["restore"] = crowd.taken_over(Path(place) / "journal")
    json.dump(found, sys.stdout)


def resident() -> int:
    """Octets of this process in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
