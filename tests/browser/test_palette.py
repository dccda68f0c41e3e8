# SPDX-License-Identifier: GPL-2.0-or-later
"""The command palette by keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_slash_opens_arrows_choose_and_enter_goes(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Find")
    expect(field).to_be_focused()
    with page.expect_response(lambda answer: answer.url.endswith("q=connec")):  # none is cut off by leaving
        page.keyboard.type("connec")
    found = page.get_by_role("listbox", name="Found").get_by_role("option")
    expect(found).to_have_count(1)
    expect(found).to_contain_text("Connections")
    expect(found).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    page.wait_for_url("**/system/connections/")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Find")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_slash_in_a_field_is_a_slash(page: Page) -> None:
    page.goto("/system/connections/")
    page.get_by_label("Host or network").fill("192.168.0.0")
    page.keyboard.press("/")
    expect(page.locator("#palette")).to_be_hidden()
    expect(page.get_by_label("Host or network")).to_have_value("192.168.0.0/")
