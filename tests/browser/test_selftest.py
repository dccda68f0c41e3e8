# SPDX-License-Identifier: GPL-2.0-or-later
"""The button: the appliance calls itself while a real call goes on, and shows how far it is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.lab.running import RunningLab

pytestmark = pytest.mark.browser


def test_button_runs_every_flow_beside_a_real_call(page: Page, lab: RunningLab) -> None:
    with lab.place_call():
        page.goto("/calls/selftests/")
        page.get_by_role("button", name="Start the self-test").click()
        expect(page.locator("[data-selftest]")).to_have_attribute("data-state", "running")
        expect(page.locator("[data-flow=registration]")).to_have_attribute("data-ok", "yes", timeout=15_000)
        expect(page.locator("[data-selftest]")).to_have_attribute("data-state", "passed", timeout=75_000)
        assert page.locator("[data-flow]").count() == 14
        assert any(row["state"] == "in_call" for row in lab.get("calls")["items"])
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the report").click()
    assert "14 of 14 passed." in download.value.path().read_text()
