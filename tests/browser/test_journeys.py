# SPDX-License-Identifier: GPL-2.0-or-later
"""The journeys of the console within their clicks, counted from the page that each begins at; typing is no click.

J5 stands in test_call_page, J6 in test_people.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.browser

IN_THE_KERNEL = 30_000  # ms in which an apply is there, whatever else the machine does
PC, STRANGER = "192.168.0.66", "203.0.113.66"


@dataclass
class Clicks:
    """The hand of somebody who is in a hurry."""

    page: Page
    spent: int = 0

    def on(self, role: Any, name: str, within: Locator | Page | None = None, *, exact: bool = True) -> None:
        self.at((within or self.page).get_by_role(role, name=name, exact=exact))

    def at(self, what: Locator) -> None:
        what.click()
        self.spent += 1

    def choose(self, what: Locator, label: str) -> None:
        what.select_option(label=label)
        self.spent += 1


@pytest.fixture
def clicks(page: Page) -> Clicks:
    page.goto("/")
    expect(page.locator("body")).to_have_attribute("data-live", "live")
    return Clicks(page)


@contextmanager
def unchanged(lab: RunningLab) -> Iterator[None]:
    """Rules, objects, services and providers that come meanwhile go again, and what was applied is applied anew."""
    kinds = ("rules", "providers", "addresses", "services")
    before = {kind: {row["id"] for row in lab.get(kind)["items"]} for kind in kinds}
    revision = lab.get("revisions")["items"][0]["number"]
    try:
        yield
    finally:
        for kind in kinds:
            for row in lab.get(kind)["items"]:
                if row["id"] not in before[kind]:
                    lab.request("DELETE", f"{kind}/{row['id']}")
        if lab.get("revisions")["items"][0]["number"] != revision:
            lab.apply("as it was before the journey")


@contextmanager
def rules(lab: RunningLab, *names: str) -> Iterator[list[int]]:
    """That drop nothing: they are off. In their order, at the end."""
    made = [
        lab.request("POST", "rules", {"name": name, "action": "drop", "enabled": False})["id"] for name in names
    ]  # fmt: skip
    try:
        yield made
    finally:
        for each in made:
            if any(row["id"] == each for row in lab.get("rules")["items"]):
                lab.request("DELETE", f"rules/{each}")


def order(lab: RunningLab, *names: str) -> list[str]:
    return [row["name"] for row in lab.get("rules")["items"] if row["name"] in names]


def keep(clicks: Clicks) -> None:
    trial = clicks.page.locator("[data-trial]")
    expect(trial).to_be_visible(timeout=IN_THE_KERNEL)
    clicks.on("button", "Keep changes", trial)
    expect(trial).to_have_count(0, timeout=IN_THE_KERNEL)


def keep_while_the_bar_is_drawn_anew(clicks: Clicks, lab: RunningLab) -> None:
    """Between press and release of the button the bar is asked for and has something else to say: no click is lost."""
    page, trial = clicks.page, clicks.page.locator("[data-trial]")
    expect(trial).to_be_visible(timeout=IN_THE_KERNEL)
    button = trial.get_by_role("button", name="Keep changes", exact=True)

    def pressed() -> bool:
        button.hover()
        page.mouse.down()
        if button.evaluate("button => button.matches(':active')"):
            return True
        page.mouse.up()  # the bar was drawn anew just before
        return False

    assert until(pressed, 20)
    lab.request("POST", "rules", {"name": "journey meanwhile", "action": "drop", "enabled": False})
    with page.expect_response("**/status/"):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('changed'))")
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.mouse.up()
    clicks.spent += 1
    expect(trial).to_have_count(0, timeout=IN_THE_KERNEL)


def test_j2_phone_system_may_reach_its_provider_in_six_clicks(clicks: Clicks, lab: RunningLab):
    page = clicks.page
    with unchanged(lab):
        clicks.on("link", "Rules", page.get_by_role("navigation", name="Pages"))
        clicks.on("button", "From a recipe")
        clicks.on("link", "Telephone system with the ALG")
        page.get_by_label("Address of the telephone system").fill("192.168.0.44")
        page.get_by_label("Server of the provider").fill("203.0.113.44")
        page.get_by_label("Where its speech comes from").focus()
        expect(page.locator("#follows")).to_contain_text("203.0.113.44")  # in words, without a click
        clicks.on("button", "Make drafts of it")
        expect(page.locator("main")).to_contain_text("1 rule is a draft now.")
        expect(page.get_by_role("button", name="Apply", exact=True)).to_be_enabled()
        assert clicks.spent <= 6


def test_j3_rule_is_moved_in_two_clicks_and_by_keys_and_back(clicks: Clicks, lab: RunningLab):
    page, names = clicks.page, ("journey one", "journey two", "journey three")
    with rules(lab, *names) as made:
        page.goto("/firewall/rules/")
        clicks.on("button", "More for journey three")
        clicks.on("link", "Move above…")
        page.get_by_role("searchbox", name="Find a rule").fill("journey one")
        page.keyboard.press("Enter")
        expect(page.locator("#messages")).to_contain_text("Rule “journey three” is moved.")
        assert clicks.spent == 2
        assert order(lab, *names) == ["journey three", "journey one", "journey two"]
        page.get_by_role("button", name="Undo").click()
        expect(page.locator("#messages")).to_contain_text("“journey three” is where it was.")
        assert order(lab, *names) == list(names)
        page.locator(f"#rule-{made[1]}").focus()
        page.keyboard.press("Alt+ArrowUp")
        assert until(lambda: order(lab, *names) == ["journey two", "journey one", "journey three"], 20)
        expect(page.locator(f"#rule-{made[1]}")).to_be_focused()


def test_j4_review_apply_and_keep_in_three_clicks(clicks: Clicks, lab: RunningLab):
    """Nothing can be kept before a new connection of this browser got through: those that stand outlive a bad rule."""
    page, cut = clicks.page, threading.Event()
    page.route_web_socket("**/ws/live/", lambda ws: ws.close() if cut.is_set() else ws.connect_to_server())
    with unchanged(lab), rules(lab, "journey draft"):
        expect(page.locator("[data-pending]")).to_be_visible(timeout=15_000)  # the bar asks every ten seconds
        clicks.at(page.locator("[data-pending]"))
        expect(page.locator("main")).to_contain_text("journey draft")
        expect(page.locator("body")).to_have_attribute("data-live", "live", timeout=20_000)
        cut.set()
        clicks.on("button", "Apply")
        expect(page.locator("[data-cut-off]")).to_be_visible(timeout=IN_THE_KERNEL)
        expect(page.get_by_role("button", name="Keep changes", exact=True)).to_be_disabled()
        cut.clear()
        expect(page.get_by_role("button", name="Keep changes", exact=True)).to_be_enabled(timeout=20_000)
        expect(page.locator("[data-cut-off]")).to_be_hidden()
        keep_while_the_bar_is_drawn_anew(clicks, lab)
        assert clicks.spent == 3


def test_on_a_telephone_a_rule_is_switched_on_given_an_end_applied_and_kept(clicks: Clicks, lab: RunningLab):
    """What a screen of 360 px must carry whole (console reference 3.10), with nothing that scrolls sideways."""
    page, name = clicks.page, "journey on a telephone"
    page.set_viewport_size({"width": 360, "height": 740})
    with unchanged(lab):
        for path in ("/calls/", "/system/advisor/"):
            page.goto("/")
            clicks.on("button", "Menu")
            clicks.at(page.locator(f'#rail a[href="{path}"]'))
            page.wait_for_url(f"**{path}")
            expect(page.locator("h1")).to_be_in_viewport()
        rule = {"name": name, "action": "accept", "from_zone": "internal", "to_zone": "external", "enabled": False}
        lab.request("POST", "services", {"name": "journey port", "protocol": "udp", "ports": "7788"})
        made = lab.request("POST", "rules", rule | {"service": "journey port"})["id"]
        page.goto(f"/firewall/rules/?q={name.replace(' ', '+')}")
        row = page.locator(f"tr[data-id='{made}']")
        clicks.at(row.get_by_role("switch"))
        assert until(lambda: page.evaluate("1") and lab.get(f"rules/{made}")["enabled"], 20)
        clicks.on("button", f"More for {name}")
        clicks.on("link", "Edit")
        panel = page.locator("#panel")
        clicks.on("button", "1 hour", panel)
        clicks.on("button", "Save draft", panel)
        expect(panel).to_be_hidden()
        clicks.at(page.locator("[data-pending]"))
        clicks.on("button", "Apply")
        keep(clicks)
        assert lab.get(f"rules/{made}")["until"]
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_j7_remote_maintenance_ends_by_itself_in_six_clicks(clicks: Clicks, lab: RunningLab):
    page = clicks.page
    with unchanged(lab):
        clicks.on("link", "Recipes", page.get_by_role("navigation", name="Pages"))
        clicks.on("link", "Remote maintenance", page.locator("main"), exact=False)
        page.get_by_label("Address of the telephone system").fill("192.168.0.2")
        clicks.on("button", "1 hour")
        clicks.on("button", "Make drafts of it")
        expect(page.locator("main")).to_contain_text("From where")  # the whole Internet needs an explicit word
        page.get_by_label("From where").fill("203.0.113.80")
        clicks.on("button", "Make drafts of it")
        clicks.on("button", "Apply")
        expect(page.locator("[data-trial]")).to_be_visible(timeout=IN_THE_KERNEL)
        assert clicks.spent <= 6
        keep(clicks)
        page.goto("/firewall/rules/?table=dnat")
        expect(page.locator(".rules [data-countdown]").first).to_contain_text(":")


def test_j8_old_connections_are_flushed_in_one_click_after_the_apply(clicks: Clicks, lab: RunningLab):
    page = clicks.page
    service = {"name": "journey port", "protocol": "udp", "ports": "7788"}
    with unchanged(lab), lab.socket("lan", PC, 7788) as inside, lab.socket("wan", STRANGER, 7788) as outside:
        lab.request("POST", "services", service)
        rule = {"name": "journey port", "action": "accept", "service": "journey port"}
        made = lab.request("POST", "rules", rule | {"from_zone": "internal", "to_zone": "external"})["id"]
        lab.apply("a rule that goes again")
        inside.sendto(b"hello", (STRANGER, 7788))
        answer_to(outside)
        lab.request("DELETE", f"rules/{made}")
        page.goto("/system/changes/review/")
        clicks.on("button", "Apply")
        bar = page.locator("[data-old-connections]").first
        expect(bar).to_contain_text("still uses the old rules", timeout=IN_THE_KERNEL)
        clicks.on("button", "Flush now", bar)
        expect(page.locator("main")).to_contain_text("closed", timeout=IN_THE_KERNEL)
        assert clicks.spent == 2
        page.locator("[data-trial]").get_by_role("button", name="Keep changes").click()
        expect(page.locator("[data-trial]")).to_have_count(0, timeout=IN_THE_KERNEL)


def answer_to(outside: socket.socket) -> None:
    outside.settimeout(5)
    text, came_from = outside.recvfrom(100)
    outside.sendto(text, came_from)


def test_j9_object_is_replaced_where_it_is_used_in_four_clicks(clicks: Clicks, lab: RunningLab):
    page = clicks.page
    with unchanged(lab):
        for number, name in enumerate(("journey old", "journey new"), start=41):
            lab.request("POST", "addresses", {"name": name, "kind": "host", "value": f"192.0.2.{number}"})
        rule = {"name": "journey user", "action": "drop", "enabled": False, "destination": "journey old"}
        made = lab.request("POST", "rules", rule)["id"]
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Find").fill("journey old")
        clicks.at(page.locator("#palette-list [role=option]").filter(has_text="journey old").locator("a"))
        expect(page.locator("main")).to_contain_text("journey user")
        clicks.on("link", "Replace with…")
        dialog = page.locator("#panel")
        clicks.choose(dialog.locator("select").first, "journey new")
        clicks.at(dialog.locator("button[type=submit]").first)
        assert until(lambda: lab.get(f"rules/{made}")["destination"] == "journey new", 20)
        assert clicks.spent <= 4


def test_j11_back_to_yesterday_in_four_clicks(clicks: Clicks, lab: RunningLab):
    page = clicks.page
    with unchanged(lab), rules(lab, "journey today"):
        yesterday = lab.get("revisions")["items"][0]["number"]
        lab.apply("today")
        clicks.on("link", "Changes", page.get_by_role("navigation", name="Pages"))
        clicks.on("link", str(yesterday), page.locator("main table"))
        clicks.on("button", "Go back to this", exact=False)
        expect(page.locator("main")).to_contain_text("journey today")
        clicks.on("button", "Apply")
        assert clicks.spent == 4
        keep(clicks)
        assert order(lab, "journey today") == []
