# SPDX-License-Identifier: GPL-2.0-or-later
"""The live table under load: frames, events that arrive, and how soon; by one browser and by ten at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import pytest
from playwright.sync_api import Page

from tests.bench import viewers
from tests.bench.conftest import Limits
from tests.bench.console import Console, console
from tests.bench.report import quantile, table
from tests.lab.running import until

pytestmark = [pytest.mark.bench]

CROWD: Final = 5_000
PACE: Final = 50
SECONDS: Final = 20.0
BROWSERS: Final = 10
SETTLED: Final = 60.0
"""Seconds: the calls that have ended are told to be gone for twenty seconds more."""


class Seen(NamedTuple):
    """Frames a second of the slowest browser and of the usual one, and what became of the events."""

    slowest: float
    usual: float
    stall: float  # ms, the longest that the slowest browser stood still
    delay: float  # s, p95 from the engine's event to the page
    lost: int
    cpu: dict[str, float]  # seconds of a processor in each second


@pytest.mark.parametrize("browsers", [1, BROWSERS])
def test_five_thousand_calls_at_fifty_changes_a_second(browsers: int, limits: Limits, tables: list[str]):
    with console(CROWD) as made, viewers.chromium() as chromium:
        state = viewers.signed_in(chromium, made)
        pages = [viewers.look(chromium, made, state, "/calls/") for _ in range(browsers)]
        seen = _watched(made, pages)
    tables.append(
        _table(f"{CROWD:,} calls, {PACE} changes a second, {browsers} browser(s), load {viewers.load()}", seen)
    )
    assert seen.lost == 0
    assert seen.usual >= limits["live"]["frames, one browser" if browsers == 1 else "frames, ten browsers"]


def test_events_are_visible_in_a_second_at_a_hundred_calls(limits: Limits, tables: list[str]):
    with console(100) as made, viewers.chromium() as chromium:
        state = viewers.signed_in(chromium, made)
        pages = [viewers.look(chromium, made, state, "/calls/") for _ in range(BROWSERS)]
        seen = _watched(made, pages)
    tables.append(_table(f"100 calls, {PACE} changes a second, {BROWSERS} browsers, load {viewers.load()}", seen))
    assert seen.lost == 0
    assert seen.delay <= limits["live"]["delay"]


def _watched(made: Console, pages: list[Page]) -> Seen:
    for page in pages:
        page.locator("tr[data-id]").first.wait_for()
        page.evaluate(viewers.WATCH)
    made.tell(f"pace {PACE}")
    time.sleep(3)  # the first changes are no measurement
    before = _cpu(made)
    for page in pages:
        page.evaluate(viewers.FRAMES)
    began = time.monotonic()
    time.sleep(SECONDS)
    drawn = [page.evaluate(viewers.FRAMES) for page in pages]
    spent = {name: (value - before[name]) / (time.monotonic() - began) for name, value in _cpu(made).items()}
    rates = [(len(times) - 1) / (times[-1] - times[0]) * 1000 for times in drawn]
    stalls = [max(after - at for at, after in pairwise(times)) for times in drawn]
    delays = [delay for page in pages for delay in _delays(made, page)]
    made.tell("pace 0")
    lost = sum(_missing(made, page) for page in pages)
    return Seen(min(rates), median(rates), max(stalls), quantile(delays, 0.95), lost, spent)


def _delays(made: Console, page: Page) -> Iterator[float]:
    """From the engine's own time of an event to when the page showed it, for what happened while we watched."""
    seen = page.evaluate("() => window.first_seen")
    begun = {row["id"]: row for row in made.ask(op="snapshot", topic="calls")["rows"]}
    for key, at in seen.items():
        ident, _, state = key.partition(" ")
        row = begun.get(ident)
        happened = row and {"setup": row["since"], "in_call": row["answered"], "completed": row["ended"]}.get(state)
        if happened and at - happened < SECONDS + 3 and happened > _started(seen):
            yield at - happened


def _started(seen: dict[str, float]) -> float:
    return min(seen.values())


def _missing(made: Console, page: Page) -> int:
    """Calls of which the page does not know what the engine knows, once all is told."""

    def differing() -> int:
        rows = made.ask(op="snapshot", topic="calls")["rows"]
        told = {row["id"]: row["state"] for row in rows}
        copy = page.evaluate(viewers.COPY)
        return len(told.items() ^ copy.items())

    # Once is enough: ended calls leave the books from then on, and the page is told of that a moment later.
    return 0 if until(lambda: not differing(), SETTLED) else differing()


def _cpu(made: Console) -> dict[str, float]:
    """Seconds of a processor that each of the console's processes has used."""
    return {name: _used(process.pid) for name, process in made.processes.items()}


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def _table(title: str, seen: Seen) -> str:
    cpu: Any = ", ".join(f"{name} {share * 100:.0f} %" for name, share in seen.cpu.items())
    return table(
        title,
        ("frames/s, median browser", "slowest", "longest stall ms", "event → visible p95 s", "lost", "CPU"),
        [(f"{seen.usual:.1f}", f"{seen.slowest:.1f}", f"{seen.stall:.0f}", f"{seen.delay:.2f}", str(seen.lost), cpu)],
    )
