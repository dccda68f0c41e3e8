# SPDX-License-Identifier: GPL-2.0-or-later
"""Browsers that look at a console of the bench: ten people, each signed in, in one Chromium without a graphics card."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench.console import Console
from tests.browser.conftest import ARGUMENTS, CHROMIUM

# Seconds at which the page drew a frame, and when a call first stood there in which state; on the machine's own clock.
WATCH: Final = """() => {
  window.frames_drawn = [];
  window.first_seen = {};
  const frame = (at) => { window.frames_drawn.push(at); requestAnimationFrame(frame); };
  requestAnimationFrame(frame);
  const note = (row) => {
    if (row.dataset?.id) window.first_seen[`${row.dataset.id} ${row.dataset.state}`] ??= Date.now() / 1000;
  };
  new MutationObserver((changes) => {
    for (const {target, addedNodes} of changes) { note(target); addedNodes.forEach(note); }
  }).observe(document.querySelector('[data-live-table]'),
             {childList: true, subtree: true, attributes: true, attributeFilter: ['data-state']});
}"""
FRAMES: Final = """() => { const drawn = window.frames_drawn; window.frames_drawn = []; return drawn; }"""
# What the page holds of the calls: the module is the page's own, loaded once.
COPY: Final = """async () => {
  const files = performance.getEntriesByType('resource').map((each) => each.name);
  const {live} = await import(files.find((name) => /\\/live\\.[^/]*js$/.test(name)));
  return Object.fromEntries([...live.rows('calls').values()].map((row) => [row.id, row.state]));
}"""


@contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


def signed_in(browser: Browser, console: Console) -> dict[str, Any]:
    """The owner's cookies, by the one-time link."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(console.link())
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/link/" not in url)
    state: Any = context.storage_state()
    context.close()
    return dict(state)


def look(browser: Browser, console: Console, state: Any, address: str, *, visit: bool = True) -> Page:
    """One person's page, in a browser context of its own."""
    context = browser.new_context(
        storage_state=state, base_url=console.address, viewport={"width": 1440, "height": 900}
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    if visit:
        page.goto(address)
    return page


def load() -> str:
    """Processes that want a processor, of late: what a figure must be read beside."""
    return Path("/proc/loadavg").read_text().split()[0]
