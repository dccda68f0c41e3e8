# SPDX-License-Identifier: GPL-2.0-or-later
"""How soon pages answer, what the first of them weighs, and what all services take of memory while nobody calls."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page

from tests.bench import viewers
from tests.bench.conftest import Limits
from tests.bench.console import Console, console
from tests.bench.report import table
from tests.lab.kernel_rig import ROOT
from tests.lab.running import RunningLab

pytestmark = [pytest.mark.bench]

TURNS: Final = 5
MESSAGES: Final = 60
PAINTED: Final = "() => performance.getEntriesByName('first-contentful-paint')[0].startTime"
WEIGHT: Final = """() => [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .reduce((sum, each) => sum + each.encodedBodySize, 0) / 1000"""
# Milliseconds from what the operator does until it is seen: the filter's next frame, or the row that htmx put in.
ANSWERED: Final = """(act) => new Promise((resolve) => {
  const began = performance.now();
  const seen = () => resolve(performance.now() - began);
  if (act === 'filter') {
    const filter = document.getElementById('rule-filter');
    filter.value += '1';
    filter.dispatchEvent(new Event('input', {bubbles: true}));
    requestAnimationFrame(() => setTimeout(seen));
  } else {
    const settled = ({target}) => target.closest('#rule-list') && seen();  // the bar of the page settles, too
    document.body.addEventListener('htmx:afterSettle', settled);
    document.querySelectorAll('.rules [role=switch]')[200].click();
  }
})"""
# Noted by the page as it loads: a question asked later would also count the way to it, and what waits in between.
WATCH: Final = f"""new MutationObserver((_, watch) => {{
  if (document.querySelectorAll('.ladder .entry').length < {MESSAGES}) return;
  watch.disconnect();
  requestAnimationFrame(() => setTimeout(() => {{ window.ladder_drawn = performance.now(); }}));
}}).observe(document, {{childList: true, subtree: true}})"""
DRAWN: Final = """() => window.ladder_drawn - performance.getEntriesByType('navigation')[0].responseEnd"""


@pytest.fixture(scope="module")
def office() -> Iterator[Console]:
    with console(100) as made:
        command = (sys.executable, "-m", "tests.bench.office")
        subprocess.run(command, env=made.environment, cwd=ROOT, check=True, timeout=300)
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with viewers.chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def owner(browser: Browser, office: Console) -> Any:
    return viewers.signed_in(browser, office)


def test_pages_answer_in_time(office: Console, browser: Browser, owner: Any, tables: list[str], limits: Limits):
    def visited(address: str, measure: Callable[[Page], float]) -> float:
        page = viewers.look(browser, office, owner, address)
        found = measure(page)
        page.context.close()
        return found

    def drawn(address: str) -> float:
        page = viewers.look(browser, office, owner, address, visit=False)
        page.add_init_script(WATCH)
        page.goto(address)
        page.locator(".ladder .entry").nth(MESSAGES - 1).wait_for()
        found: float = page.evaluate(DRAWN)
        page.context.close()
        return found

    (last, *_) = sorted(office.ask(op="snapshot", topic="calls")["rows"], key=lambda row: -row["since"])
    seen = {
        "first load, kB": visited("/", lambda page: float(page.evaluate(WEIGHT))),
        "rules page, first paint, ms": _often(lambda: visited("/firewall/rules/", lambda page: page.evaluate(PAINTED))),
        "filter, keystroke to frame, ms": _often(
            lambda: visited("/firewall/rules/", lambda page: page.evaluate(ANSWERED, "filter"))
        ),
        "switch a rule, click to row, ms": _often(
            lambda: visited("/firewall/rules/", lambda page: page.evaluate(ANSWERED, "switch"))
        ),
        "ladder of 60 messages, ms": _often(lambda: drawn(f"/calls/{last['id']}/")),
    }
    tables.append(table(f"Pages, 500 rules, load {viewers.load()}", ("what", "median"), [*seen.items()]))
    for what, value in seen.items():
        assert value <= limits["pages"][what], what


def test_idle_services_are_small(lab: RunningLab, tables: list[str], limits: Limits):
    """What is theirs alone and their part of what they share (PSS), a laboratory's second web server left out."""
    names = ("redis", "broker", "engine", "netadmin", "worker", "beat", "web")
    sizes = {name: sum(map(_megabytes, _family(lab.pids[name]))) for name in names}
    rows = [*sizes.items(), ("together", sum(sizes.values()))]
    tables.append(table("Memory of the services while nobody calls, MB", ("service", "PSS"), rows))
    assert sum(sizes.values()) <= limits["memory"]["idle"]


def _often(measure: Callable[[], float]) -> float:
    return median(measure() for _ in range(TURNS))


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def _megabytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (size,) = (int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return size / 1000
