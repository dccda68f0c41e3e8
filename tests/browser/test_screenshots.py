# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures of the main pages for the README, of a real call; they go where PINHOLE_SCREENSHOTS says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.lab.running import RunningLab

pytestmark = [pytest.mark.browser]

PICTURES = {
    "live-calls": "/calls/",
    "overview": "/",
    "pinholes": "/calls/pinholes/",
    "rules": "/firewall/rules/",
    "objects": "/firewall/objects/",
    "settings": "/alg/settings/",
    "advisor": "/system/advisor/",
    "review": "/system/changes/review/",
}
SMALLEST_PICTURE = 10_000  # octets; less would be an empty page
LARGEST_PICTURE = 150_000
TONIGHT = (datetime.now(UTC) + timedelta(hours=4)).replace(microsecond=0).isoformat()
OFFICE = (
    {"name": "Web for the office", "section": "Office", "service": "HTTPS", "tags": ["office"]},
    {"name": "Names", "section": "Office", "service": "DNS", "comment": "Resolver of the provider"},
    {"name": "Remote maintenance", "section": "Maintenance", "service": "SSH", "until": TONIGHT, "log": True},
    {"name": "Old camera", "section": "Maintenance", "enabled": False, "tags": ["to go"]},
)


@pytest.fixture
def office(lab: RunningLab) -> Iterator[None]:
    """Some more rules than the laboratory has, as drafts."""
    known = {row["id"] for row in lab.get("services")["items"]}
    made = []
    try:
        for name, protocol, port in (("HTTPS", "tcp", "443"), ("DNS", "both", "53"), ("SSH", "tcp", "22")):
            if name not in {row["name"] for row in lab.get("services")["items"]}:
                lab.request("POST", "services", {"name": name, "protocol": protocol, "ports": port})
        for rule in OFFICE:
            zones = {"from_zone": "internal", "to_zone": "external", "action": "accept"}
            made.append(lab.request("POST", "rules", zones | rule)["id"])
        yield
    finally:
        for each in made:
            lab.request("DELETE", f"rules/{each}")
        for row in lab.get("services")["items"]:
            if row["id"] not in known:
                lab.request("DELETE", f"services/{row['id']}")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_the_main_pages(page: Page, lab: RunningLab, office: None, tmp_path: Path, theme: str):
    folder = Path(os.environ.get("PINHOLE_SCREENSHOTS", tmp_path))
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two words
    page.set_viewport_size({"width": 1280, "height": 660})
    with lab.place_call("inbound"):
        for name, path in PICTURES.items():
            page.goto(path)
            expect(page.locator("body")).to_have_attribute("data-live", "live")
            if name == "live-calls":
                expect(page.locator('td[data-col="audio_in"][data-active="true"]').first).to_be_visible()
            picture = folder / (f"{name}.png" if theme == "light" else f"{name}-dark.png")
            page.screenshot(path=picture, animations="disabled")
            assert SMALLEST_PICTURE < picture.stat().st_size <= LARGEST_PICTURE, name
