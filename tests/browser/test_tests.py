# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of tests: started from a form, results as they come, a capture as a file, a telephone's width."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]


def test_options_to_the_provider_from_the_menu(page: Page, lab: RunningLab):
    page.goto("/")
    page.get_by_role("link", name="Capture & tests").click()
    page.get_by_label("Host").fill("203.0.113.1")
    page.get_by_role("button", name="Start").click()
    expect(page.locator('#test[data-ended="yes"]')).to_be_visible(timeout=40_000)
    expect(page.locator("#test")).to_contain_text("The server answers: 200")


def test_capture_is_a_file_with_headers_only(page: Page, lab: RunningLab):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/system/tests/?kind=capture")
    page.get_by_label("Host").fill("192.168.0.66")
    page.get_by_label("For (seconds)").fill("2")
    page.get_by_role("button", name="Start").click()
    with lab.socket("lan", "192.168.0.66") as sender:
        while page.locator('#test[data-ended="yes"]').count() == 0:
            sender.sendto(b"secret words", ("203.0.113.66", 7777))
            page.wait_for_timeout(200)
    with page.expect_download() as download:
        page.get_by_role("link", name="Headers (pcap)").click()
    content = Path(download.value.path()).read_bytes()
    assert content[:4] == b"\xa1\xb2\xc3\xd4"
    assert b"secret" not in content
    assert len(content) > 24 + 44
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_capture_of_a_call_has_its_packets_and_no_others(page: Page, lab: RunningLab):
    with lab.place_call() as call:
        row = until(lambda: lab.audible(call), 20)
        assert row
        page.goto(f"/calls/{row['id']}/")
        page.get_by_role("link", name="Capture headers").click()
        expect(page.get_by_text("Only the packets of this call")).to_be_visible()
        page.get_by_label("For (seconds)").fill("1")
        page.get_by_role("button", name="Start").click()
        with lab.socket("lan", row["internal"].rpartition(":")[0]) as other:
            while page.locator('#test[data-ended="yes"]').count() == 0:
                other.sendto(b"?", ("203.0.113.66", 7777))
                page.wait_for_timeout(100)
    with page.expect_download() as download:
        page.get_by_role("link", name="Headers (pcap)").click()
    content = Path(download.value.path()).read_bytes()
    assert len(content) > 20 * (16 + 40)
    assert (7777).to_bytes(2) not in content
