# SPDX-License-Identifier: GPL-2.0-or-later
"""The pinholes' page: closing one by hand, and the ledger below."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]


def test_pinhole_is_closed_by_hand_and_the_ledger_says_so(page: Page, lab: RunningLab):
    page.on("dialog", lambda dialog: dialog.accept())
    with lab.place_call() as call:
        row = until(lambda: lab.call_row(call), 20)
        assert row
        page.goto(f"/calls/pinholes/?q={row['id']}")
        exact = page.locator('tr[data-state="exact"]')
        expect(exact).to_have_count(2, timeout=20_000)
        first = exact.first
        ident = first.get_attribute("data-id")
        first.get_by_role("button", name="Close").click()
        closed = page.locator(f'#ledger tr[data-id="{ident}"]')
        expect(closed).to_contain_text("closed by an operator", timeout=20_000)
        expect(closed).to_contain_text("audio")
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag22aa"]}})
        assert [each["id"] for each in found.response["violations"]] == []
