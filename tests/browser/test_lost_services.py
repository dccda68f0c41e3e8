# SPDX-License-Identifier: GPL-2.0-or-later
"""Redis or the engine is killed: each page says so within seconds, and is live again without being loaded anew."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.urls import reverse
from playwright.sync_api import BrowserContext, Page, expect

from appliance.ui.templatetags.ui import NAVIGATION
from tests.browser.conftest import Complaints
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.browser

SAID_WITHIN = 10_000  # ms, from the moment that it is gone: five, and as many for a machine that is busy
BACK_WITHIN = 60_000
BANNER = ".live-banner:not([hidden])"


@pytest.fixture
def every_page(context: BrowserContext) -> Iterator[list[Page]]:
    """Each page of the navigation, open in a tab of its own and live."""
    tabs = []
    for _title, pages in NAVIGATION:
        for page in pages:
            tab = context.new_page()
            tab.goto(reverse(page.view))
            tab.evaluate("window.stayed = true")
            tabs.append(tab)
    for tab in tabs:
        expect(tab.locator("body")).to_have_attribute("data-live", "live", timeout=BACK_WITHIN)
    yield tabs
    for tab in tabs:
        tab.close()


@pytest.mark.parametrize(("process", "words"), [("engine", "not being watched"), ("redis", "Delayed since")])
def test_every_page_says_what_is_lost_and_comes_back(
    every_page: list[Page], lab: RunningLab, complaints: Complaints, process: str, words: str
):
    with lab.ended(process):
        gone = time.monotonic()
        for tab in every_page:
            left = max(1.0, SAID_WITHIN - (time.monotonic() - gone) * 1000)
            expect(tab.locator(BANNER)).to_contain_text(words, timeout=left)
    for tab in every_page:
        expect(tab.locator("body")).to_have_attribute("data-live", "live", timeout=BACK_WITHIN)
        expect(tab.locator(BANNER)).to_have_count(0)
        assert tab.evaluate("window.stayed"), tab.url
    assert until(lab.healthy, 60)
    complaints.console.clear()  # what could not be had meanwhile the browser says, too
