# SPDX-License-Identifier: GPL-2.0-or-later
"""Help stands where the question arises: beside the page that raised it, by its own link, and in the palette."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser

QUESTION = "When should a server be exempt from the ALG?"


def test_answer_opens_beside_its_question_and_has_a_link_of_its_own(page: Page) -> None:
    page.goto("/firewall/exemptions/")
    link = page.get_by_role("link", name=QUESTION)
    link.focus()
    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    expect(panel.get_by_role("heading", name=QUESTION)).to_be_visible()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(link).to_be_focused()
    link.click()
    panel.get_by_role("link", name="Open as a page").click()
    page.wait_for_url("**/help/exempt-servers/")
    expect(page.get_by_role("heading", level=1)).to_have_text(QUESTION)


def test_palette_finds_the_answer(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("/")
    with page.expect_response(lambda answer: answer.url.endswith("q=symmetric")):  # none is cut off by leaving
        page.keyboard.type("symmetric")
    found = page.get_by_role("listbox", name="Found").get_by_role("option")
    expect(found).to_contain_text(["What does symmetric RTP mean?"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/help/symmetric-rtp/")


def test_advisor_shows_what_it_looks_at(page: Page) -> None:
    page.goto("/system/advisor/?checks")
    expect(page.locator("tr[data-check]")).to_have_count(24)
    expect(page.locator("tr[data-check=A06]")).to_contain_text("just now")
