# SPDX-License-Identifier: GPL-2.0-or-later
"""Every key of the one table does something, and single keys can be switched off; and nobody is held by a page."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from appliance.ui.columns import KEYS
from tests.browser.test_journeys import order, rules
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.browser

LEADING = [key for key in KEYS if key.view]
SHOWN = {"?": "#keys-list", "/": "#palette", "Ctrl+k": "#palette", "n": "#panel"}
IN_ROW = {"e", "x", "Alt+ArrowUp", "Alt+ArrowDown"}
TOLD_APART = {"p", "Ctrl+s"}
"""Tested by themselves below."""


def live(page: Page, path: str) -> None:
    page.goto(path)
    expect(page.locator("body")).to_have_attribute("data-live", "live")


def press(page: Page, keys: str) -> None:
    for each in keys.split():
        page.keyboard.press(each.replace("Ctrl", "Control"))


def test_table_of_keys_is_tested_as_a_whole(page: Page):
    assert {key.keys for key in KEYS if not key.view} == {*SHOWN, *IN_ROW, *TOLD_APART}
    live(page, "/")
    press(page, "?")
    listed = page.locator("#keys-list")
    expect(listed).to_be_visible()
    for key in KEYS:
        expect(listed).to_contain_text(str(key.label))
    assert listed.locator("dt").count() == len(KEYS)


def test_keys_lead_to_pages_and_open_what_they_name(page: Page):
    for key in LEADING:
        live(page, "/firewall/rules/" if key.view != "firewall:rules" else "/")
        press(page, key.keys)
        led_to = reverse(key.view)
        page.wait_for_url(lambda url, led_to=led_to: urlsplit(url).path == led_to)  # not any that ends like it
    for keys, opened in SHOWN.items():
        live(page, "/firewall/rules/")
        press(page, keys)
        expect(page.locator(opened)).to_be_visible()


def test_new_and_edit_work_wherever_there_is_something_new_or_to_edit(page: Page):
    for path in ("/firewall/objects/", "/alg/providers/", "/firewall/exemptions/"):
        live(page, path)
        press(page, "n")
        expect(page.locator("#panel")).to_be_visible()
    for path in ("/accounts/people/", "/accounts/api-tokens/", "/system/tests/"):
        live(page, path)
        press(page, "n")
        expect(page.locator("main :focus")).to_have_attribute("name", re.compile("."))
    live(page, "/firewall/objects/")
    page.get_by_role("link", name="PBX", exact=True).focus()
    press(page, "e")
    expect(page.locator("#panel").get_by_label("Name", exact=True)).to_have_value("PBX")


def test_keys_of_a_row_edit_choose_and_move_it(page: Page, lab: RunningLab):
    with rules(lab, "key one", "key two") as made:
        live(page, "/firewall/rules/")
        row = page.locator(f"#rule-{made[1]}")
        row.focus()
        press(page, "x")
        expect(page.get_by_role("checkbox", name="Choose key two")).to_be_checked()
        expect(page.locator("#chosen")).to_contain_text("1 chosen")
        press(page, "Alt+ArrowUp")
        assert until(lambda: order(lab, "key one", "key two") == ["key two", "key one"], 20)
        expect(page.get_by_role("button", name="Move key two down")).to_be_enabled()  # it was the last one before
        expect(row).to_be_focused()
        press(page, "Alt+ArrowDown")
        assert until(lambda: order(lab, "key one", "key two") == ["key one", "key two"], 20)
        expect(page.get_by_role("button", name="Move key two down")).to_be_disabled()
        expect(row).to_be_focused()
        press(page, "e")
        panel = page.locator("#panel")
        expect(panel.get_by_label("Name")).to_have_value("key two")
        panel.get_by_label("Comment").fill("by keys")
        press(page, "Ctrl+s")
        expect(page.locator(".rules")).to_contain_text("by keys")  # the page has come anew
        expect(page.locator("body")).to_have_attribute("data-live", "live")
        assert lab.get(f"rules/{made[1]}")["comment"] == "by keys"


def test_rules_are_filtered_switched_and_dragged_where_they_stand(page: Page, lab: RunningLab):
    names = ("in place one", "in place two", "in place three")
    with rules(lab, *names) as made:
        live(page, "/firewall/rules/")
        row = [page.locator(f"tr[data-id='{each}']") for each in made]
        page.get_by_role("checkbox", name="Choose in place one").click()
        page.get_by_role("searchbox", name="Filter rules").fill("in place -one")
        expect(row[0]).to_be_hidden()
        expect(page.locator("#chosen")).to_be_hidden()  # what is hidden is no longer chosen
        expect(row[1]).to_be_visible()
        expect(page).to_have_url(re.compile("q=in\\+place"))
        state = row[2].locator("[data-rule-state]")
        expect(state).to_have_attribute("data-rule-state", "disabled")
        row[2].get_by_role("switch").click()
        expect(state).not_to_have_attribute("data-rule-state", "disabled")
        assert lab.get(f"rules/{made[2]}")["enabled"]
        expect(row[2].get_by_role("switch")).to_be_focused()
        expect(page.locator("#rule-states")).to_be_attached()  # what the others are now
        page.get_by_role("searchbox", name="Filter rules").fill("in place is:disabled from:internal -ends:7")
        expect(row[1]).to_be_visible()
        expect(row[2]).to_be_hidden()
        page.get_by_role("searchbox", name="Filter rules").fill("in place")
        row[2].locator("[data-grip]").hover()
        page.mouse.down()
        row[0].hover(position={"x": 300, "y": 3})
        expect(row[0]).to_have_attribute("data-drop", "above")
        page.mouse.up()
        expect(page.locator("#messages")).to_contain_text("Rule “in place three” is moved.")
        assert order(lab, *names) == ["in place three", "in place one", "in place two"]


def test_several_rules_are_changed_deleted_and_put_back(page: Page, lab: RunningLab):
    names = ("several one", "several two", "several three")
    with rules(lab, *names) as made:
        live(page, "/firewall/rules/")
        page.get_by_role("checkbox", name="Choose several one").click()
        page.get_by_role("checkbox", name="Choose several three").click(modifiers=["Shift"])
        bar = page.locator("#chosen")
        expect(bar).to_contain_text("3 chosen")
        bar.get_by_label("Tag").fill("spring")
        bar.get_by_role("button", name="Add tag").click()
        expect(page.locator("#messages")).to_contain_text("3 rules are changed.")
        assert all(lab.get(f"rules/{each}")["tags"] == ["spring"] for each in made)
        for name in names:
            page.get_by_role("checkbox", name=f"Choose {name}", exact=True).click()
        bar.get_by_role("button", name="Delete").click()
        expect(page.locator("#messages")).to_contain_text("3 rules are deleted.")
        assert order(lab, *names) == []
        page.get_by_role("button", name="Undo").click()
        expect(page.locator("#messages")).to_contain_text("It is as it was before.")
        assert order(lab, *names) == list(names)
        assert all(lab.get(f"rules/{each}")["tags"] == ["spring"] for each in made)


def test_single_keys_can_be_switched_off_and_p_pauses(page: Page):
    live(page, "/calls/")
    pause = page.locator("[data-part=pause]")
    press(page, "p")
    expect(pause).to_have_attribute("aria-pressed", "true")
    press(page, "?")
    page.get_by_role("switch", name="Single keys act").click()
    page.keyboard.press("Escape")
    press(page, "p")
    expect(pause).to_have_attribute("aria-pressed", "true")
    press(page, "Ctrl+k")
    expect(page.locator("#palette")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/calls/", "/firewall/rules/", "/firewall/objects/", "/alg/settings/"])
def test_tab_passes_through_and_what_has_the_focus_is_seen(page: Page, path: str):
    """No trap, and no sticky bar above what has the focus."""
    page.set_viewport_size({"width": 1280, "height": 500})
    live(page, path)
    seen: set[str] = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        where = page.evaluate(FOCUSED)
        if where["at"] in seen or where["at"] == "BODY":
            break
        seen.add(where["at"])
        assert where["seen"], where["at"]
    else:
        pytest.fail("the focus never came round")
    assert len(seen) > 30


def test_what_has_the_focus_is_seen_below_the_bar_of_chosen_rules(page: Page, lab: RunningLab):
    page.set_viewport_size({"width": 1280, "height": 500})
    names = [f"below {number}" for number in range(12)]
    with rules(lab, *names) as made:
        live(page, "/firewall/rules/?q=below")
        page.get_by_role("checkbox", name="Choose below 0", exact=True).click()
        page.locator(f"#rule-{made[-1]}").focus()
        expect(page.locator("#chosen")).to_be_visible()
        for _ in range(48):
            page.keyboard.press("Shift+Tab")
            where = page.evaluate(FOCUSED)
            assert where["seen"], where["at"]


FOCUSED = """() => {
  const at = document.activeElement;
  window.ordinals ??= new Map();
  if (!window.ordinals.has(at)) window.ordinals.set(at, window.ordinals.size);
  const box = at.getBoundingClientRect();
  const over = document.elementFromPoint(box.x + box.width / 2, Math.max(0, box.y + Math.min(box.height, 40) / 2));
  const seen = at === document.body || !over || at.contains(over) || over.contains(at) || at.closest('label') === over;
  return {at: at === document.body ? 'BODY' : `${window.ordinals.get(at)} ${at.outerHTML.slice(0, 90)}`, seen};
}"""


SEED = """
from datetime import timedelta
from django.utils import timezone
from appliance.firewall.models import Hits
today = timezone.now().date()
days = {(today - timedelta(days=6 - at)).isoformat(): packets for at, packets in enumerate(%s) if packets}
Hits.objects.create(rule_id=%d, packets=sum(days.values()), last=timezone.now(), days=days)
"""
DRAWN = """svg => {
  const path = svg.querySelector('path'), box = svg.viewBox.baseVal, high = [];
  for (let day = 0; day < 7; day++) {
    const x = (day + 0.4) * (box.width + 1) / 7;
    let filled = 0;
    for (let y = 0.5; y < box.height; y++) filled += path.isPointInFill(new DOMPoint(x, y));
    high.push(filled);
  }
  return {high, full: box.height, shown: svg.getBoundingClientRect().width, fill: getComputedStyle(path).fill};
}"""


def test_last_seven_days_of_a_rule_are_drawn_as_bars(page: Page, lab: RunningLab):
    packets = (4, 0, 8, 1, 0, 2, 1000)
    rule = lab.request("POST", "rules", {"name": "counted", "action": "drop", "enabled": False})["id"]
    try:
        lab.manage("shell", "-c", SEED % (packets, rule))
        page.goto("/firewall/rules/")
        bars = page.locator(f'tr[data-id="{rule}"] svg.days')
        expect(bars).to_have_accessible_name("Packets on each of the last seven days: 4, 0, 8, 1, 0, 2, 1000")
        drawn = bars.evaluate(DRAWN)
        assert drawn["shown"] > 20
        assert drawn["fill"] not in {"none", "rgba(0, 0, 0, 0)"}
        assert drawn["high"][-1] == drawn["full"], "the highest fills the picture"
        assert [high > 0 for high in drawn["high"]] == [n > 0 for n in packets], "a day with one packet is seen"
    finally:
        lab.request("DELETE", f"rules/{rule}")
        lab.manage(
            "shell", "-c", f"from appliance.firewall.models import Hits; Hits.objects.filter(pk={rule}).delete()"
        )
