# SPDX-License-Identifier: GPL-2.0-or-later
"""J1: from the one-time link of a new appliance to a call of the laboratory that is heard both ways, by clicks.

Each step is loaded anew before it is answered: whoever comes back finds it as it was. And once all comes from a
backup.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from deploy.lab import calls, peers, topology
from tests.browser.keystrokes import Person
from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]

MOST_CLICKS = 22
LONGEST = 600  # s, estimated for a person who has not seen it (console reference 3.11)
MOST_WORDS = 160  # of one step; more is a wall
NUMBER = "0301234567"
"""What somebody dials to place the test call."""
PASSWORD = "correct horse battery staple"
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = """levels => axe.run({runOnly: {type: 'tag', values: levels}, resultTypes: ['violations']})
  .then(found => found.violations.flatMap(each => each.nodes.map(node => `${each.id}: ${node.html.slice(0, 160)}`)))"""

FORGET = """
from django.db import transaction
from appliance.accounts.services import create_user
from appliance.audit.services import record
from appliance.ruleset.snapshot import CONFIGURATION
from appliance.system.models import Setup
from django.utils import timezone
with transaction.atomic():
    for model in reversed(CONFIGURATION):
        model._default_manager.all().delete()
    Setup.objects.all().delete()
    record(actor="test", verb="forget", target=Setup.objects.create())
    made = create_user(actor="test", username=f"first-{timezone.now():%H%M%S%f}", role="owner")
print("/accounts/link/" + made.link + "/")
"""
REMEMBER = """
from appliance.accounts.models import User
from appliance.accounts.services import set_active
from appliance.system.models import Revision, Setup
from appliance.system.services import go_back
go_back(actor="test", revision=Revision.objects.get(number=%d))
Setup.objects.all().delete()
for user in User.objects.filter(username__startswith="first-", is_active=True):
    set_active(actor="test", user=user, active=False)
"""


class Hand:
    """Counts what a hand would do; typing is free (console reference 3.3). Each step is looked at with axe."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0
        self.complaints: list[str] = []
        self.person = Person()

    def button(self, name: str) -> None:
        self.reads()
        self.person.points()
        with self.person.waits():
            self.page.get_by_role("button", name=name, exact=True).click()
        self.clicks += 1

    def choice(self, value: str) -> None:
        self.person.points()
        self.page.locator(f'input[type="radio"][value="{value}"]').check()
        self.clicks += 1

    def fills(self, label: str, text: str) -> None:
        self.person.types(text)
        self.page.get_by_label(label).fill(text)

    def arrives(self, step: str) -> None:
        with self.person.waits():
            self.page.wait_for_url(f"**/system/setup/{step}/", timeout=20_000)
        self.page.reload()
        expect(self.page.locator(f'[data-step="{step}"]')).to_be_visible()

    def reads(self) -> None:
        """All that the step says now; a page that is no step is one of its own."""
        step = self.page.locator("[data-step]")
        name = step.first.get_attribute("data-step") if step.count() else "sign-in"
        shown = step if step.count() else self.page.locator("main, body").last
        self.person.reads(name or "", shown.first.inner_text())

    def looks(self) -> None:
        """Light on a desk, dark on a telephone: nothing that axe objects to, nothing that scrolls sideways."""
        for theme, size in (("dark", (360, 780)), ("light", (1280, 800))):
            self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]  # two words
            self.page.set_viewport_size({"width": size[0], "height": size[1]})
            expect(self.page.locator("html")).to_have_attribute("data-bs-theme", theme)
            if not self.page.evaluate("typeof axe !== 'undefined'"):
                self.page.evaluate(Axe().axe_script)
            where = f"{self.page.url} {theme}: "
            self.complaints += [where + each for each in self.page.evaluate(AXE, LEVELS)]
            if self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                self.complaints.append(f"{where}scrolls sideways")


@pytest.fixture(scope="module")
def new_appliance(lab: RunningLab) -> Iterator[Callable[[], str]]:
    """Makes the laboratory as if nothing were configured, and a new owner's link; afterwards it is as it was, phones
    and all."""
    number = next(row["number"] for row in lab.get("revisions")["items"] if row["state"] == "applied")
    phones = _registered(lab)

    def forget() -> str:
        _end_trial(lab)
        return lab.console + lab.manage("shell", "-c", FORGET).split()[-1]

    try:
        yield forget
    finally:
        _end_trial(lab)
        lab.manage("shell", "-c", REMEMBER % number)
        lab.apply("the laboratory as before")
        assert until(lambda: _registered(lab) >= phones, 150), "the telephones have not come back"


def _registered(lab: RunningLab) -> set[str]:
    """The laboratory's own telephones that are."""
    rows = [row["aor"] for row in lab.get("registrations")["items"] if row["state"] == "registered"]
    return {user for user in peers.INSIDE_USERS if any(f"{user}@" in aor for aor in rows)}


def _end_trial(lab: RunningLab) -> None:
    last = lab.get("revisions")["items"][0]
    if last["state"] == "waiting":
        lab.request("POST", f"revisions/{last['number']}/undo")
        until(lambda: lab.get(f"revisions/{last['number']}")["state"] != "waiting", 20)


def _first_steps(hand: Hand, page: Page) -> None:
    _until_new_or_restored(hand, page)
    hand.button("Continue")
    hand.arrives("interfaces")
    expect(page.locator("[data-cable=lan0]")).to_be_visible()
    hand.looks()
    hand.button("Continue")


def _until_new_or_restored(hand: Hand, page: Page) -> None:
    hand.button("Sign in")
    hand.arrives("look")
    hand.looks()
    hand.button("Continue")
    hand.arrives("owner")
    hand.looks()
    hand.fills("New password", PASSWORD)
    hand.button("Continue")
    hand.arrives("factor")
    hand.looks()
    expect(page.get_by_role("link", name=re.compile("authenticator app.*Six digits"))).to_be_visible()
    hand.button("Skip for now")
    hand.arrives("start")
    hand.looks()


def _about_calls(hand: Hand, page: Page) -> None:
    hand.arrives("zones")
    expect(page.get_by_label("wan0")).to_have_value("external")
    expect(page.get_by_label("lan0")).to_have_value("internal")
    hand.looks()
    hand.button("Continue")
    hand.arrives("internet")
    with hand.person.waits():
        expect(page.locator("[data-fact=address]")).to_have_attribute("data-level", "ok", timeout=20_000)
    expect(page.locator("[data-fact=time]")).to_be_visible()
    hand.looks()
    hand.button("Continue")
    hand.arrives("office")
    hand.looks()
    hand.button("Continue")
    hand.arrives("phones")
    hand.choice(topology.PBX)
    hand.looks()
    hand.button("Continue")
    hand.arrives("provider")
    hand.fills("Its server", topology.PROVIDER)
    with hand.person.waits():
        expect(page.locator("[data-servers=address]")).to_be_visible(timeout=20_000)
    hand.looks()
    hand.button("Continue")
    hand.arrives("mode")
    hand.looks()
    hand.button("Continue")
    hand.arrives("review")
    expect(page.locator(".sentence").first).to_contain_text("Telephone system")
    hand.looks()


def _until_it_is_heard(hand: Hand, page: Page) -> None:
    hand.button("Make drafts of it")
    _until_it_runs(hand, page)
    hand.person.types(NUMBER)
    with hand.person.waits(), calls.dial(calls.control(peers.PBX), peers.SUBSCRIBERS[0].user):
        for way in ("up", "down"):
            expect(page.locator(f"[data-heard={way}]")).to_have_attribute("data-level", "ok", timeout=30_000)
    hand.button("Finish")


def _until_it_runs(hand: Hand, page: Page) -> None:
    """Applied, kept, and the phone system is registered."""
    hand.arrives("apply")
    hand.looks()
    hand.button("Apply")
    with hand.person.waits():
        expect(page.locator("#setup-apply")).to_have_attribute("data-state", "waiting", timeout=30_000)
    hand.button("Keep it")
    with hand.person.waits():
        expect(page.locator("#setup-apply")).to_have_attribute("data-state", "done", timeout=30_000)
    hand.button("Continue")
    hand.arrives("check")
    hand.looks()
    with hand.person.waits():
        expect(page.locator("[data-heard=registered]")).to_have_attribute("data-level", "ok", timeout=90_000)


def test_j1_a_new_appliance_is_set_up_until_a_call_is_heard_both_ways(
    chromium: Browser, new_appliance: Callable[[], str], lab: RunningLab
) -> None:
    """It is left once, and goes on in another window where it was. What a person would take is an estimate."""
    context = chromium.new_context(base_url=lab.console)
    page = context.new_page()
    hand = Hand(page)
    page.goto(new_appliance())
    _first_steps(hand, page)
    page = _goes_on_elsewhere(context, page)
    hand.page = page
    _about_calls(hand, page)
    _until_it_is_heard(hand, page)
    page.wait_for_url(f"{lab.console}/", timeout=20_000)
    expect(page.locator("#messages")).to_contain_text("This firewall is set up.")
    expect(page.locator("#setup-invitation")).to_have_count(0)
    print(f"J1, {hand.person}")  # noqa: T201  # a figure, for tests/bench/README.md
    assert hand.clicks <= MOST_CLICKS
    assert hand.person.seconds < LONGEST
    assert {step: many for step, many in hand.person.steps.items() if many > MOST_WORDS} == {}
    assert hand.complaints == [], "\n".join(hand.complaints)
    context.close()


def _goes_on_elsewhere(context: BrowserContext, page: Page) -> Page:
    """From the overview's invitation, to the first step that is open; the steps before can be reopened."""
    page.wait_for_url("**/system/setup/zones/")
    page.close()
    other = context.new_page()
    other.goto("/")
    other.get_by_role("link", name="Go on with the set-up").click()
    other.wait_for_url("**/system/setup/zones/")
    other.get_by_role("link", name="Back", exact=True).click()
    other.wait_for_url("**/system/setup/interfaces/")
    other.get_by_role("link", name="Zones", exact=True).click()
    return other


def test_j1_a_backup_is_restored_inside_the_first_run(
    chromium: Browser, new_appliance: Callable[[], str], lab: RunningLab, tmp_path: Path
) -> None:
    """From its encrypted file to telephones that are registered; what the file is none of is said in words."""
    secret, backup = tmp_path / "passphrase", tmp_path / "kept.backup"
    secret.write_text(f"{PASSWORD}\n")
    lab.manage("pinhole", "backup", str(backup), "--passphrase-file", str(secret))
    context = chromium.new_context(base_url=lab.console)
    page = context.new_page()
    hand = Hand(page)
    page.goto(new_appliance())
    _until_new_or_restored(hand, page)
    hand.choice("restore")
    hand.button("Continue")
    hand.arrives("restore")
    hand.looks()
    page.get_by_label("File").set_input_files(backup)
    page.get_by_label("Passphrase").fill("another one entirely")
    hand.button("Continue")
    expect(page.locator("main")).to_contain_text("The passphrase does not fit", timeout=20_000)
    page.get_by_label("File").set_input_files(backup)
    page.get_by_label("Passphrase").fill(PASSWORD)
    hand.button("Continue")
    hand.arrives("mapping")
    expect(page.locator("#setup-preview")).to_contain_text("is new", timeout=20_000)
    hand.looks()
    hand.button("Restore as a draft")
    hand.arrives("internet")
    hand.button("Continue")
    _until_it_runs(hand, page)
    hand.button("Finish")
    page.wait_for_url(f"{lab.console}/", timeout=20_000)
    assert hand.clicks <= MOST_CLICKS
    assert hand.complaints == [], "\n".join(hand.complaints)
    context.close()
