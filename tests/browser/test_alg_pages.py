# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of the ALG's settings and of providers: change, inherit, reset, by keyboard and in both themes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.lab.running import RunningLab

pytestmark = [pytest.mark.browser]


def test_setting_is_changed_in_the_panel_and_reset(page: Page, lab: RunningLab) -> None:
    page.goto("/alg/settings/")
    row = page.locator('tr[data-id="timers-inactive_media"]')
    expect(row).to_contain_text("120 s")
    row.get_by_role("link").focus()
    page.keyboard.press("Enter")
    field = page.get_by_role("spinbutton", name="Inactive media")
    field.fill("5")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator("#panel .errors")).to_contain_text("out of range")
    field.fill("300")
    page.get_by_role("button", name="Save draft").click()
    expect(row).to_contain_text("300 s")
    expect(row).to_contain_text("changed")
    row.get_by_role("link").click()
    page.get_by_role("button", name="Back to the default").click()
    expect(row).not_to_contain_text("changed")


def test_provider_shows_what_it_inherits_and_what_it_overrides(page: Page, lab: RunningLab) -> None:
    page.goto("/alg/providers/")
    page.locator("table a.party").first.click()
    row = page.locator('tr[data-id="peering-shadow"]')
    expect(row).to_contain_text("default")
    row.get_by_role("link").click()
    page.get_by_role("checkbox", name="Shadow mode").check()
    page.get_by_role("button", name="Save draft").click()
    expect(row).to_contain_text("overridden")
    row.get_by_role("link").click()
    page.get_by_role("button", name="Inherit again").click()
    expect(row).to_contain_text("default")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_pages_fit_their_width(page: Page, lab: RunningLab, tmp_path: Path, theme: str, width: int) -> None:
    folder = Path(os.environ.get("PINHOLE_SCREENSHOTS", tmp_path))
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two words
    page.set_viewport_size({"width": width, "height": 900})
    for name, path in (("alg-settings", "/alg/settings/"), ("providers", "/alg/providers/")):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        page.screenshot(path=folder / f"{name}-{theme}-{width}.png", animations="disabled")
    page.locator("table a.party").first.click()
    expect(page.locator("h1")).to_be_visible()
    page.screenshot(path=folder / f"provider-{theme}-{width}.png", animations="disabled")
