# SPDX-License-Identifier: GPL-2.0-or-later
"""J10: what was dropped, why, and a rule from it in four clicks; the log's filters stand in the page's address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest
from playwright.sync_api import Page, expect

from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]

TARGET, PORT = "203.0.113.66", 7321


@pytest.fixture
def dropped(lab: RunningLab) -> Iterator[int]:
    """A packet of the ordinary PC that no rule takes; its port. Rules and objects that come of it are put away."""
    before = {kind: {each["id"] for each in lab.get(kind)["items"]} for kind in ("rules", "addresses", "services")}
    with lab.socket("lan", "192.168.0.66") as sender:
        sender.sendto(b"?", (TARGET, PORT))
        yield int(sender.getsockname()[1])
    for kind, known in before.items():
        for each in lab.get(kind)["items"]:
            if each["id"] not in known:
                with suppress(AssertionError):
                    lab.request("DELETE", f"{kind}/{each['id']}")


def test_j10_from_a_blocked_packet_to_a_rule_in_four_clicks(page: Page, lab: RunningLab, dropped: int):
    page.goto("/")
    page.get_by_role("link", name="Live log").click()  # 1
    row = page.locator("tr[data-id]").filter(has_text=str(dropped)).filter(has_text=TARGET)
    expect(row).to_be_visible(timeout=10_000)
    row.locator('[data-col="at"]').click()  # 2
    panel = page.locator("#panel")
    expect(panel).to_contain_text(f"Dropped by the default: UDP {PORT}, internal · lan0 → external · wan0.")
    panel.get_by_role("link", name="Make rule from this line").click()  # 3
    expect(panel.get_by_label("Name")).to_have_value(f"UDP {PORT} to {TARGET}")
    panel.get_by_role("button", name="Save draft").click()  # 4
    page.wait_for_url("**/firewall/rules/?table=forward")
    expect(page.locator(".rules")).to_contain_text(f"UDP {PORT} to {TARGET}")
    (rule,) = (each for each in lab.get("rules")["items"] if each["name"] == f"UDP {PORT} to {TARGET}")
    page.get_by_role("link", name=f"Show {rule['name']} in the live log").click()
    expect(page.get_by_role("searchbox")).to_have_value(f"rule:rule:{rule['id']}")
    expect(page.get_by_text("No line matches this filter.")).to_be_visible(timeout=10_000)


def test_value_is_a_filter_by_pointer_and_by_keyboard(page: Page, lab: RunningLab, dropped: int):
    page.goto(f"/system/log/?q=sport:{dropped}")
    row = page.locator("tr[data-id]")
    expect(row).to_have_count(1, timeout=10_000)
    row.get_by_role("button", name=TARGET).click()
    expect(page.get_by_role("searchbox")).to_have_value(f"sport:{dropped} daddr:{TARGET}")
    expect(row).to_have_count(1)
    assert f"daddr%3A{TARGET}" in page.url
    row.get_by_role("button", name=str(PORT)).press("Shift+Enter")
    expect(page.get_by_text("No line matches this filter.")).to_be_visible()
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value(f"sport:{dropped} daddr:{TARGET} -dport:{PORT}")
    expect(page.get_by_text("No line matches this filter.")).to_be_visible(timeout=10_000)


def test_log_fits_a_telephone(page: Page, lab: RunningLab, dropped: int):
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"/system/log/?q=sport:{dropped}")
    expect(page.locator("tr[data-id]")).to_have_count(1, timeout=10_000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_pause_holds_lines_back_and_autoscroll_lets_them_in(page: Page, lab: RunningLab, dropped: int):
    def drop() -> None:
        with lab.socket("lan", "192.168.0.66") as sender:
            sender.sendto(b"?", (TARGET, PORT))

    page.goto(f"/system/log/?q=saddr:192.168.0.66+daddr:{TARGET}")
    rows = page.locator("tr[data-id]")
    expect(rows.filter(has_text=f":{dropped}")).to_have_count(1, timeout=20_000)
    before = rows.count()
    pause, follow = page.get_by_role("button", name="Pause"), page.get_by_role("button", name="Autoscroll")
    pause.click()
    drop()
    expect(page.locator("body")).to_have_attribute("data-live", "live")
    assert until(lambda: len(lab.get(f"log?q=saddr:192.168.0.66+daddr:{TARGET}")["items"]) > before, 20)
    expect(rows).to_have_count(before)
    pause.click()
    expect(rows).to_have_count(before + 1, timeout=10_000)
    rows.first.hover()
    drop()
    expect(page.locator('[data-part="arrivals"]')).to_be_visible(timeout=10_000)
    expect(rows).to_have_count(before + 1)
    follow.click()
    rows.first.hover()
    drop()
    expect(rows).to_have_count(before + 3, timeout=10_000)
