# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of quality: its words where there is nothing, its navigation entry, and a telephone's width."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]


def test_quality_is_in_the_menu_and_says_what_it_cannot_know(page: Page, lab: RunningLab):
    page.goto("/")
    page.get_by_role("link", name="Quality").click()
    expect(page.get_by_role("heading", name="Quality", level=1)).to_be_visible()
    page.get_by_text("What is measured, what is estimated").click()
    expect(page.get_by_text("the audio itself, which is never looked at")).to_be_visible()
    page.get_by_label("Time").select_option("7")
    page.wait_for_url("**days=7**")
    expect(page.locator("#quality .empty, #quality table")).to_have_count(1)


def test_quality_fits_a_telephone(page: Page, lab: RunningLab):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/calls/quality/")
    expect(page.locator("#quality")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_list_of_calls_says_loss_and_jitter_of_both_directions(page: Page, lab: RunningLab):
    """As measured, which the kernel does every ten seconds."""
    with lab.place_call() as placed:
        page.goto("/calls/")
        row = until(lambda: lab.call_row(placed), 20)
        assert row
        cell = page.locator(f'tr[data-id="{row["id"]}"] [data-measured]')
        for line, words in ((0, "What the phone sends"), (1, "What the phone hears")):
            expect(cell.locator(".audio").nth(line)).to_have_text(
                re.compile(rf"^{words}\d+(\.\d)?%, \d+ ms$"), timeout=45_000
            )
