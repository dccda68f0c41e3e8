# SPDX-License-Identifier: GPL-2.0-or-later
"""The command palette by keyboard alone."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_slash_in_a_field_is_a_slash(page: Page) -> None:
    page.goto("/system/connections/")
    page.get_by_label("Host or network").fill("192.168.0.0")
    page.keyboard.press("/")
    expect(page.locator("#palette")).to_be_hidden()
    expect(page.get_by_label("Host or network")).to_have_value("192.168.0.0/")
