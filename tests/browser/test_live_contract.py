# SPDX-License-Identifier: GPL-2.0-or-later
"""What a page does with the live topics (console reference 3.7), each frame said at the moment that the test wants.

The frames are those of contract.events; their rows are a real call's, under other names. That the server says them so,
at most four a second and one in five seconds to a page that nobody sees, is shown by `unit/live`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.browser

HOLD_FRAMES = """async () => {
  const draw = window.requestAnimationFrame.bind(window);
  window.held = [];
  window.requestAnimationFrame = (callback) => window.held.push(callback);
  await new Promise((done) => draw(() => draw(done)));  // what was asked for before is drawn
}"""
KNOWN = """async () => {
  const files = performance.getEntriesByType('resource').map((each) => each.name);
  const {live} = await import(files.find((name) => /\\/live\\.[^/]*js$/.test(name)));
  return live.rows('calls').size;
}"""
HIDE = """(hidden) => {
  Object.defineProperty(document, 'hidden', {get: () => hidden, configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""
SPOKEN = """() => {
  window.spoken = [];
  const region = document.querySelector('[data-part="summary"]');
  new MutationObserver(() => window.spoken.push(region.textContent)).observe(region, {childList: true});
}"""
NOBODY_ANSWERS = """(chance) => {
  window.tries = [];
  Math.random = () => chance;
  window.WebSocket = class extends EventTarget {
    static OPEN = 1;
    constructor() {
      super();
      window.tries.push(Date.now());
      queueMicrotask(() => this.dispatchEvent(new Event('close')));
    }
    send() {}
    close() {}
  };
}"""
PATIENCE = 20_000


class Server:
    """What stands behind the page's WebSocket; `open` says whether it lets anybody in."""

    def __init__(self, row: dict[str, Any]) -> None:
        self.open = True
        self.asked: list[dict[str, Any]] = []
        self._row, self._now = row, row["since"]
        self._rows = [self._made(each) for each in ("one", "two", "three")]
        self._seq = 1
        self._socket: WebSocketRoute | None = None

    def answer(self, socket: WebSocketRoute) -> None:
        if not self.open:
            socket.close()
            return
        self._socket = socket
        socket.on_message(lambda said: self._take(json.loads(said)))

    def lose(self) -> None:
        """The connection, and whoever comes again."""
        self.open = False
        assert self._socket
        self._socket.close()

    def call(self, name: str, *, skip: int = 0) -> None:
        """One more, in a delta; `skip` numbers before it are lost."""
        self._rows.append(self._made(name))
        self._seq += 1 + skip
        self._tell("calls", "delta", ops=[{"op": "put", "row": self._rows[-1]}])

    def _made(self, name: str) -> dict[str, Any]:
        self._now += 1
        return self._row | {"id": name, "call_id": name, "since": self._now, "from_uri": f"sip:{name}@192.0.2.1"}

    def _take(self, said: dict[str, Any]) -> None:
        self.asked.append(said)
        for topic in said.get("subscribe", [said["resync"]] if "resync" in said else []):
            self._tell(topic, "snapshot", rows=self._rows if topic == "calls" else [])

    def _tell(self, topic: str, kind: str, **more: Any) -> None:
        assert self._socket
        frame = {"topic": topic, "kind": kind, "seq": self._seq, "t": time.time()} | more
        self._socket.send(json.dumps(frame))


@pytest.fixture(scope="module")
def row(lab: RunningLab) -> dict[str, Any]:
    with lab.place_call() as call:
        found = until(lambda: lab.audible(call), 30)
    assert found
    return found


@pytest.fixture
def server(page: Page, row: dict[str, Any]) -> Iterator[Server]:
    made = Server(row)
    page.route_web_socket("**/ws/live/", made.answer)
    page.goto("/calls/")
    expect(names(page)).to_have_text(["three", "two", "one"], timeout=PATIENCE)
    yield made
    page.goto("about:blank")


def names(page: Page) -> Any:
    return page.locator("[data-live-table] tr[data-id] td[data-col=from_uri] .party")


def test_nothing_moves_while_the_focus_is_in_the_table(page: Page, server: Server):
    names(page).nth(1).focus()
    server.call("four")
    server.call("five")
    arrivals = page.locator('[data-part="arrivals"]')
    expect(arrivals).to_have_text(re.compile(r"2\s+new, show"), timeout=PATIENCE)
    expect(names(page)).to_have_text(["three", "two", "one"])
    expect(names(page).nth(1)).to_be_focused()
    arrivals.press("Enter")
    expect(names(page)).to_have_text(["five", "four", "three", "two", "one"], timeout=PATIENCE)


def test_with_autoscroll_new_rows_come_in_whatever_has_the_focus(page: Page, server: Server):
    follow = page.get_by_role("button", name="Autoscroll")
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "true")
    names(page).nth(1).focus()
    server.call("four")
    expect(names(page)).to_have_text(["four", "three", "two", "one"], timeout=PATIENCE)
    expect(names(page).nth(2)).to_be_focused()


def test_a_burst_is_painted_in_one_frame(page: Page, server: Server):
    page.evaluate(HOLD_FRAMES)
    for number in range(6):
        server.call(f"more {number}")
    assert until(lambda: page.evaluate(KNOWN) == 9, PATIENCE / 1000)
    assert names(page).count() == 3
    assert page.evaluate("window.held.length") == 1
    page.evaluate("window.held[0]()")
    assert names(page).count() == 9


def test_gap_is_noticed_and_healed_by_a_snapshot(page: Page, server: Server):
    server.call("four", skip=2)
    expect(names(page)).to_have_text(["four", "three", "two", "one"], timeout=PATIENCE)
    assert {"resync": "calls"} in server.asked


def test_lost_connection_is_said_with_its_time_and_what_is_seen_stays(page: Page, server: Server):
    page.evaluate("window.stayed = true")
    server.lose()
    banner = page.locator(".live-banner:not([hidden])")
    expect(banner).to_have_text(re.compile(r"Not live since\s+\d\d:\d\d:\d\d\."), timeout=PATIENCE)
    expect(names(page)).to_have_text(["three", "two", "one"])
    server.open = True
    expect(page.locator("body")).to_have_attribute("data-live", "live", timeout=PATIENCE)
    expect(banner).to_have_count(0)
    server.call("four")
    expect(names(page)).to_have_text(["four", "three", "two", "one"], timeout=PATIENCE)
    assert page.evaluate("window.stayed")


def test_pages_that_lost_their_connection_do_not_all_return_at_once(page: Page, row: dict[str, Any]):
    """Each waits half to one and a half times what it would, and twice as long each time, up to eight seconds."""
    waited = {}
    page.clock.install(time=datetime(2026, 6, 1, 12, tzinfo=UTC))
    for hour, chance in enumerate((0, 0.5, 1), 13):
        server = Server(row)
        page.unroute_all()
        page.route_web_socket("**/ws/live/", server.answer)
        page.goto("/calls/")
        expect(names(page)).to_have_count(3, timeout=PATIENCE)
        page.clock.pause_at(datetime(2026, 6, 1, hour, tzinfo=UTC))
        page.evaluate(NOBODY_ANSWERS, chance)
        server.lose()
        expect(page.locator("body")).to_have_attribute("data-live", "offline", timeout=PATIENCE)
        page.clock.run_for(60_000)
        tries = page.evaluate("window.tries")
        waited[chance] = [later - earlier for earlier, later in pairwise(tries)][:5]
        page.clock.resume()
    usual = [1000, 2000, 4000, 8000, 8000]
    assert waited == {0: [each / 2 for each in usual], 0.5: usual, 1: [each * 1.5 for each in usual]}


def test_page_says_when_nobody_sees_it_and_asks_when_it_is_seen_again(page: Page, server: Server):
    page.evaluate(HIDE, True)
    assert until(lambda: page.evaluate("1") and {"hidden": True} in server.asked, PATIENCE / 1000)
    before = len(server.asked)
    page.evaluate(HIDE, False)
    wanted = [{"hidden": False}, {"resync": "health"}]
    assert until(lambda: page.evaluate("1") and server.asked[before : before + 2] == wanted, PATIENCE / 1000)


def test_a_screen_reader_hears_a_sum_and_at_most_every_ten_seconds(page: Page, row: dict[str, Any]):
    server = Server(row)
    page.clock.install()
    page.route_web_socket("**/ws/live/", server.answer)
    page.goto("/calls/")
    expect(names(page)).to_have_count(3, timeout=PATIENCE)
    page.evaluate(SPOKEN)
    for each in ("four", "five", "six"):
        server.call(each)
    expect(names(page)).to_have_count(6, timeout=PATIENCE)
    page.clock.run_for(2_000)  # the table looks once a second
    heard = page.evaluate("window.spoken")
    assert len(heard) == 1, heard
    server.call("seven")
    page.clock.run_for(2_000)
    expect(names(page)).to_have_count(7, timeout=PATIENCE)
    assert page.evaluate("window.spoken") == heard
    page.clock.run_for(10_000)
    assert len(page.evaluate("window.spoken")) == 2
    assert re.fullmatch(r"Calls: 7\. New: \d\.", page.evaluate("window.spoken")[-1])
    regions = "[aria-live], [role=status], [role=alert], [role=log]"
    assert page.locator("[data-live-table] table").locator(regions).count() == 0
    assert page.locator('[data-live-table] [role="status"]').count() == 1
