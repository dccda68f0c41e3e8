# SPDX-License-Identifier: GPL-2.0-or-later
"""Pictures of the main pages for the README, of a real call; they go where PINHOLE_SCREENSHOTS says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from deploy.lab import calls, peers, topology
from deploy.lab.peers import Phone
from tests.lab.misled import misled
from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]

PICTURES = {
    "overview": "/",
    "pinholes": "/calls/pinholes/",
    "rules": "/firewall/rules/",
    "objects": "/firewall/objects/",
    "settings": "/alg/settings/",
    "advisor": "/system/advisor/",
    "review": "/system/changes/review/",
    "live-calls": "/calls/",  # the last, since loss and jitter are there after some seconds
}
SMALLEST_PICTURE = 10_000  # octets; less would be an empty page
LARGEST_PICTURE = 170_000
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


@contextmanager
def busy_office(lab: RunningLab) -> Iterator[None]:
    """Calls in and out, one heard on one side only, one on hold; the pages show them all."""
    deaf = peers.PHONES[0]
    elsewhere = f"ip saddr {deaf.address} ip daddr {topology.PROVIDER_MEDIA} udp sport set 18000"
    with ExitStack() as stack:
        stack.enter_context(misled(lab, "lan", elsewhere))
        first = stack.enter_context(_called(deaf, "300"))
        assert until(lambda: (row := lab.call_row(first)) and row["verdict"], 20), "no verdict"
        stack.enter_context(_called(peers.SUBSCRIBERS[1], "200"))
        stack.enter_context(_called(peers.PHONES[1], "301")).control.command("hold")
        stack.enter_context(_called(peers.SUBSCRIBERS[0], "103"))
        yield


def _nobody_there() -> None:
    """A call that is rejected at once; it stands in the list for twenty seconds."""
    with suppress(calls.CallFailed):
        _called(peers.PHONES[2], "999")


def _called(phone: Phone, user: str) -> calls.Call:
    control = calls.control(phone)
    try:
        return calls.dial(control, user)
    except BaseException:
        control.close()
        raise


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_of_the_main_pages(page: Page, lab: RunningLab, office: None, tmp_path: Path, theme: str):
    folder = Path(os.environ.get("PINHOLE_SCREENSHOTS", tmp_path))
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two words
    page.set_viewport_size({"width": 1280, "height": 660})
    with busy_office(lab):
        for name, path in PICTURES.items():
            page.goto(path)
            expect(page.locator("body")).to_have_attribute("data-live", "live")
            if name == "live-calls":
                expect(page.locator("[data-measured] .audio").filter(has_text="ms")).not_to_have_count(
                    0, timeout=60_000
                )
                _nobody_there()
                expect(page.locator('tr[data-state="rejected"]')).to_be_visible(timeout=20_000)
            picture = folder / (f"{name}.png" if theme == "light" else f"{name}-dark.png")
            page.screenshot(path=picture, animations="disabled")
            assert SMALLEST_PICTURE < picture.stat().st_size <= LARGEST_PICTURE, name
