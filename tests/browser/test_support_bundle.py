# SPDX-License-Identifier: GPL-2.0-or-later
"""J12: from a call to a file for the support in three clicks, with what would go out before one's eyes."""

from __future__ import annotations

import zipfile

import pytest
from playwright.sync_api import Page, expect

from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]


def test_j12_support_bundle_of_a_call(page: Page, lab: RunningLab):
    with lab.place_call() as call:
        known = until(lambda: lab.call_row(call), 20)
        assert known
        page.goto(f"/calls/{known['id']}/")
        page.get_by_role("link", name="Support bundle").click()  # 1
        messages = page.locator('[data-part="messages"]')
        messages.get_by_text("Show").click()
        expect(messages.locator("pre")).to_contain_text("INVITE sip:")
        expect(messages.locator("pre")).not_to_contain_text("192.168.0.")
        page.locator('[data-part="configuration"]').get_by_role("checkbox").uncheck()  # 2
        with page.expect_download() as download:
            page.get_by_role("button", name="Download").click()  # 3
    with zipfile.ZipFile(download.value.path()) as archive:
        files = {name.rpartition("/")[2] for name in archive.namelist()}
        assert {"overview.txt", "messages.txt", "messages.pcap", "health.json"} <= files
        assert "configuration.json" not in files
        assert b"192.168.0." not in b"".join(archive.read(name) for name in archive.namelist() if "pcap" not in name)


def test_bundle_fits_a_telephone(page: Page, lab: RunningLab):
    with lab.place_call() as call:
        known = until(lambda: lab.call_row(call), 20)
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(f"/calls/{known['id']}/bundle/")
        expect(page.get_by_role("heading", name="Support bundle")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
