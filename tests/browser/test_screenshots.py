# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures of the main pages for the README, of a real call; they go where PINHOLE_SCREENSHOTS says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.lab.running import RunningLab

pytestmark = [pytest.mark.browser]

PICTURES = {"live-calls": "/calls/", "overview": "/", "pinholes": "/calls/pinholes/", "rules": "/firewall/rules/"}
SMALLEST_PICTURE = 10_000  # octets; less would be an empty page


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_the_main_pages(page: Page, lab: RunningLab, tmp_path: Path, theme: str):
    folder = Path(os.environ.get("PINHOLE_SCREENSHOTS", tmp_path))
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two words
    page.set_viewport_size({"width": 1280, "height": 720})
    with lab.place_call("inbound"):
        for name, path in PICTURES.items():
            page.goto(path)
            expect(page.locator("body")).to_have_attribute("data-live", "live")
            if name == "live-calls":
                expect(page.locator('td[data-col="audio_in"][data-active="true"]').first).to_be_visible()
            picture = folder / (f"{name}.png" if theme == "light" else f"{name}-dark.png")
            page.screenshot(path=picture, animations="disabled")
            assert picture.stat().st_size > SMALLEST_PICTURE
