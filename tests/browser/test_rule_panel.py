# SPDX-License-Identifier: GPL-2.0-or-later
"""The side panel of a rule: its sentence follows what is typed, and a time is that of the reader's own clock; and
sections of rules that are folded.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_journeys import rules
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.browser

EAST = timedelta(hours=3)
"""Istanbul, all the year."""
FORM = "%Y-%m-%dT%H:%M"


@pytest.fixture
def in_istanbul(chromium: Browser, signed_in: dict[str, Any], lab: RunningLab) -> Iterator[Page]:
    context = chromium.new_context(
        storage_state=signed_in,  # type: ignore[arg-type]  # its own cookies
        base_url=lab.console,
        timezone_id="Europe/Istanbul",
        viewport={"width": 1280, "height": 900},
    )
    yield context.new_page()
    context.close()


def test_sentence_follows_what_is_typed_and_times_are_the_readers_own(in_istanbul: Page, lab: RunningLab):
    page = in_istanbul
    ends = (datetime.now(UTC) + timedelta(days=3)).replace(hour=9, minute=30, second=0, microsecond=0)
    with rules(lab, "panel one") as made:
        page.goto("/firewall/rules/")
        page.locator(f"#rule-{made[0]}").click()
        panel = page.locator("#panel")
        field = panel.get_by_label("Active until")
        expect(panel.locator("label", has=page.locator("[data-zone]"))).to_contain_text("GMT+3")
        field.fill((ends + EAST).strftime(FORM))
        expect(panel.locator("#sentence time")).to_have_attribute("datetime", ends.isoformat())
        expect(panel.locator("#sentence")).to_contain_text("12:30")
        panel.get_by_role("button", name="Save draft").click()
        assert until(lambda: lab.get(f"rules/{made[0]}")["until"], 20)
        assert datetime.fromisoformat(lab.get(f"rules/{made[0]}")["until"]) == ends
        page.locator(f"#rule-{made[0]}").click()
        expect(field).to_have_value((ends + EAST).strftime(FORM))
        page.keyboard.press("Escape")
        page.get_by_role("checkbox", name="Choose panel one").click()
        chosen = page.locator("#chosen")
        chosen.get_by_label("Active until").fill((ends + EAST + timedelta(hours=1)).strftime(FORM))
        chosen.get_by_role("button", name="Set end").click()
        later = ends + timedelta(hours=1)
        assert until(lambda: datetime.fromisoformat(lab.get(f"rules/{made[0]}")["until"]) == later, 20)
        packet = "saddr=192.168.0.66&daddr=203.0.113.66&protocol=udp&dport=9"
        page.goto(f"/firewall/questions/?{packet}&at={ends.strftime(FORM)}")
        expect(page.get_by_label("When")).to_have_value((ends + EAST).strftime(FORM))
        page.goto("/firewall/objects/schedules/add/")
        expect(page.get_by_label("Time zone")).to_have_value("Europe/Istanbul")


def test_section_is_folded_until_it_is_opened_or_a_filter_finds_what_is_in_it(page: Page, lab: RunningLab):
    with rules(lab, "fold one", "fold two") as made:
        for each in made:
            lab.request("PATCH", f"rules/{each}", {"section": "Folded", "version": lab.get(f"rules/{each}")["version"]})
        page.goto("/firewall/rules/")
        head = page.get_by_role("button", name="Folded")
        row = page.locator(f'tr[data-id="{made[1]}"]')
        page.get_by_role("checkbox", name="Choose fold two").click()
        head.press("Enter")
        expect(head).to_have_attribute("aria-expanded", "false")
        expect(head).to_contain_text("2")
        expect(row).to_be_hidden()
        expect(page.locator("#chosen")).to_be_hidden()  # what is not seen is not chosen
        page.reload()
        expect(row).to_be_hidden()
        page.get_by_role("searchbox", name="Filter rules").fill("fold two")
        expect(row).to_be_visible()
        page.goto(f"/firewall/rules/#rule-{made[1]}")
        page.reload()
        expect(row).to_be_visible()
