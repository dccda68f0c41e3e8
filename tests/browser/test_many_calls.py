# SPDX-License-Identifier: GPL-2.0-or-later
"""Five thousand calls in the live table: what is seen is in the page, nothing is lost, nothing moves under the pointer.

The calls are a switchboard's (tests/bench): an engine in service but for its wires, with a console of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from tests.bench import viewers
from tests.bench.console import Console, console
from tests.lab.running import until

pytestmark = [pytest.mark.browser]

CALLS = 5_000
IN_THE_PAGE = 150  # rows, at most
PATIENCE = 30_000  # ms


@pytest.fixture(scope="module")
def crowded() -> Iterator[Console]:
    with console(CALLS) as made:
        yield made


@pytest.fixture(scope="module")
def owner(chromium: Browser, crowded: Console) -> Any:
    return viewers.signed_in(chromium, crowded)


@pytest.fixture
def page(chromium: Browser, crowded: Console, owner: Any) -> Iterator[Page]:
    page = viewers.look(chromium, crowded, owner, "/calls/", visit=False)
    yield page
    crowded.tell("pace 0")
    page.context.close()


def rows(page: Page) -> Any:
    return page.locator("[data-live-table] tr[data-id]")


def shown(page: Page) -> list[str]:
    """The rows in the page, from top to bottom."""
    ids: list[str] = rows(page).evaluate_all("found => found.map((row) => row.dataset.id)")
    return ids


def expect_the_same(page: Page, crowded: Console) -> None:
    """The page knows of each call what the engine knows."""

    def same() -> bool:
        told = {row["id"]: row["state"] for row in crowded.ask(op="snapshot", topic="calls")["rows"]}
        return bool(page.evaluate(viewers.COPY) == told)

    assert until(same, PATIENCE / 1000)


def test_all_are_there_and_few_are_in_the_page(page: Page, crowded: Console):
    page.goto("/calls/")
    expect(page.locator("table.grid")).to_have_attribute("aria-rowcount", str(CALLS + 1), timeout=PATIENCE)
    known = sorted(crowded.ask(op="snapshot", topic="calls")["rows"], key=lambda row: (-row["since"], row["id"]))
    expect(rows(page).first).to_have_attribute("data-id", known[0]["id"])
    assert 10 < rows(page).count() <= IN_THE_PAGE
    page.keyboard.press("End")
    expect(page.locator(f'tr[data-id="{known[-1]["id"]}"]')).to_be_visible(timeout=PATIENCE)
    expect(rows(page).last).to_have_attribute("aria-rowindex", str(CALLS + 1), timeout=PATIENCE)
    assert rows(page).count() <= IN_THE_PAGE
    page.keyboard.press("Home")
    expect(page.locator(f'tr[data-id="{known[0]["id"]}"]')).to_be_visible(timeout=PATIENCE)
    page.get_by_role("searchbox").fill("nobody")
    expect(rows(page)).to_have_count(0)


def test_a_lost_message_is_noticed_and_nothing_stays_unknown(page: Page, crowded: Console):
    """One delta never arrives; the page sees the gap in the numbers and asks for a snapshot."""
    asked: list[str] = []
    lost: list[str] = []

    def between(client: WebSocketRoute) -> None:
        server = client.connect_to_server()

        def from_server(message: str | bytes) -> None:
            if not lost and '"calls"' in str(message) and '"delta"' in str(message):
                lost.append(str(message))
            else:
                client.send(message)

        def from_client(message: str | bytes) -> None:
            asked.append(str(message))
            server.send(message)

        server.on_message(from_server)
        client.on_message(from_client)

    page.route_web_socket("**/ws/live/", between)
    page.goto("/calls/")
    rows(page).first.wait_for(timeout=PATIENCE)
    crowded.tell("pace 50")
    assert until(lambda: page.evaluate("1") and any("resync" in each and "calls" in each for each in asked), 90), lost
    crowded.tell("pace 0")
    expect_the_same(page, crowded)


def test_a_message_that_the_console_missed_is_noticed(page: Page, crowded: Console):
    """The same between the engine and the web server: a numbered delta that Redis never carried."""
    page.goto("/calls/")
    rows(page).first.wait_for(timeout=PATIENCE)
    crowded.tell("pace 50")
    expect_a_change(page)
    crowded.tell("lose")
    expect_a_change(page)
    crowded.tell("pace 0")
    expect_the_same(page, crowded)


def test_nothing_moves_under_the_pointer(page: Page, crowded: Console):
    page.goto("/calls/")
    rows(page).nth(3).wait_for(timeout=PATIENCE)
    before = shown(page)
    rows(page).nth(3).hover()
    page.evaluate("() => { window.kept = document.querySelector('tr[data-id]'); }")
    crowded.tell("pace 10")  # few enough to be in the page still, on a busy machine too
    waiting = page.locator('[data-part="arrivals"]')
    expect(waiting).to_be_visible(timeout=PATIENCE)
    assert shown(page)[:10] == before[:10]
    waiting.press("Enter")  # a pointer that leaves the table lets the rows in by itself, and the button goes
    expect(rows(page).first).not_to_have_attribute("data-id", before[0], timeout=PATIENCE)
    # Keyed: the row is the same node, further down.
    assert page.evaluate("id => window.kept === document.querySelector(`tr[data-id='${id}']`)", before[0])


def expect_a_change(page: Page) -> None:
    first = shown(page)[0]
    expect(rows(page).first).not_to_have_attribute("data-id", first, timeout=PATIENCE)
