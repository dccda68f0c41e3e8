# SPDX-License-Identifier: GPL-2.0-or-later
"""The live call table: a real call appears, speaks both ways and ends before one's eyes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from deploy.lab.calls import Call
from tests import pace
from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]

# Notes when a row first stood in the table, on the browser's own clock (Unix seconds; it is the same machine's).
WATCH = """() => {
  window.seen = {};
  new MutationObserver(() => {
    for (const row of document.querySelectorAll('tr[data-id]')) window.seen[row.dataset.id] ??= Date.now() / 1000;
  }).observe(document.body, {childList: true, subtree: true});
}"""
AUDIO_PATIENCE = 20_000  # milliseconds


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
def test_call_appears_within_a_second_speaks_both_ways_and_ends(page: Page, lab: RunningLab, direction: str):
    page.goto("/calls/")
    expect(page.locator("body")).to_have_attribute("data-live", "live")
    page.evaluate(WATCH)
    with lab.place_call(direction) as call:
        known = until(lambda: lab.call_row(call), 20)
        assert known
        row = page.locator(f'tr[data-id="{known["id"]}"]')
        expect(row).to_be_visible(timeout=20_000)
        assert page.evaluate("id => window.seen[id]", known["id"]) - known["since"] < 1.0 * pace.of_clock()
        expect(row).to_have_attribute("data-state", "in_call", timeout=20_000)
        for column in ("audio_in", "audio_out"):
            expect(row.locator(f'td[data-col="{column}"]')).to_have_attribute(
                "data-active", "true", timeout=AUDIO_PATIENCE
            )
        expect(row.locator('td[data-col="codec"]')).to_contain_text("PCM")
        expect(row.locator('td[data-col="codec"]')).to_contain_text("pinholes: 2")
    expect(row).to_have_attribute("data-state", "completed", timeout=20_000)
    expect(row).to_contain_text("hung up")


def test_pinholes_come_and_go_with_the_call(page: Page, lab: RunningLab):
    page.goto("/calls/pinholes/")
    expect(page.locator("body")).to_have_attribute("data-live", "live")
    with lab.place_call() as call:
        opened = until(lambda: exact_of(lab, call), 20)
        assert len(opened) == 2  # RTP and RTCP
        for ident in opened:
            row = page.locator(f'[data-topic="pinholes"] tr[data-id="{ident}"]')
            expect(row).to_have_attribute("data-state", "exact", timeout=20_000)
            expect(row).to_contain_text("203.0.113.99")
    for ident in opened:
        expect(page.locator(f'[data-topic="pinholes"] tr[data-id="{ident}"]')).to_have_count(0, timeout=20_000)
        closed = page.locator(f'[data-topic="closed"] tr[data-id="{ident}"]')
        expect(closed).to_contain_text("the call ended", timeout=20_000)


def exact_of(lab: RunningLab, call: Call) -> set[str]:
    """The openings of this call; another test's call may drain meanwhile."""
    row = lab.call_row(call)
    rows = lab.get("pinholes")["items"] if row else []
    return {each["id"] for each in rows if row and (each["call"], each["kind"]) == (row["id"], "exact")}


def test_registrations_name_every_phone(page: Page, lab: RunningLab):
    page.goto("/calls/registrations/")
    for registration in lab.get("registrations")["items"]:
        row = page.locator(f'tr[data-id="{registration["id"]}"]')
        expect(row).to_contain_text(registration["internal"])
        expect(row.locator('[data-col="contact"]')).to_have_attribute("title", registration["contact"])
    page.context.add_cookies([{"name": "django_language", "value": "de", "url": lab.console}])
    page.set_viewport_size({"width": 1280, "height": 800})
    page.reload()
    expect(page.locator("tr[data-id]").first).to_contain_text("Registriert")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_page_says_when_the_engine_is_gone_and_recovers_without_a_reload(page: Page, lab: RunningLab):
    page.goto("/calls/")
    expect(page.locator("body")).to_have_attribute("data-live", "live")
    known = lab.get("registrations")["count"]
    with lab.ended("engine"):
        expect(page.locator("body")).not_to_have_attribute("data-live", "live", timeout=20_000)
        # Ended for good, as here, it is started from the banner by who may.
        page.locator(".live-banner:visible").get_by_role("button", name="Start the SIP engine").click()
        expect(page.locator("body")).to_have_attribute("data-live", "live", timeout=30_000)
        expect(page.locator(".live-banner:visible")).to_have_count(0)
    assert lab.get("registrations")["count"] == known
