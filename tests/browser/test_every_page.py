# SPDX-License-Identifier: GPL-2.0-or-later
"""Every page there is, in three languages, both themes and on a telephone's screen: nothing that axe objects to.

The pages come out of the table of addresses (`pages`), so a new one is looked at without a word here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from deploy.lab.processes import console_port
from tests.browser import pages
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.browser

Look = tuple[Any, Any]  # theme and size, as the browser takes them
THEMES: Final = ("light", "dark")
DESK, TELEPHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
LOOKS: Final[dict[str, tuple[Look, ...]]] = {
    "en": (("light", DESK), ("dark", TELEPHONE)),
    "de": (("dark", TELEPHONE),),
    "tr": (("light", TELEPHONE),),
}
BUSY: Final = {"/", "/calls/", "/firewall/rules/", "/system/advisor/", "/alg/settings/"}
LEVELS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
AXE: Final = """levels => axe.run({
  runOnly: {type: 'tag', values: levels}, resultTypes: ['violations'], preload: false,
}).then(found => found.violations.flatMap(each => each.nodes.map(node => `${each.id}: ${node.html.slice(0, 160)}`)))"""
WIDER: Final = """() => document.documentElement.scrollWidth > innerWidth ? [...document.querySelectorAll('main *')]
  .filter(each => each.getBoundingClientRect().right > innerWidth + 1)
  .slice(0, 3).map(each => `sideways: ${each.outerHTML.slice(0, 120)}`).concat(['scrolls sideways']) : []"""
TWICE: Final = """() => [...document.querySelectorAll('[id]')].map(each => each.id)
  .filter((id, place, ids) => ids.indexOf(id) < place).map(id => `two of one id: ${id}`)"""
KEY: Final = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip


@dataclass
class Tour:
    context: BrowserContext
    paths: list[str]
    complaints: list[str]


@pytest.fixture(scope="module")
def tour(chromium: Browser, lab: RunningLab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    """The owner with a passkey, and one of everything that a page can be about; gone again afterwards."""
    complaints: list[str] = []
    context = chromium.new_context(base_url=f"http://localhost:{console_port()}")
    context.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    context.on("weberror", lambda raised: complaints.append(str(raised.error)))
    page = context.new_page()
    page.goto(lab.manage("signin_link").split()[-1].replace("127.0.0.1", "localhost"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/link/" not in url)
    passkey = add_passkey(context, page)
    window = let_support_in(page)
    restoration = look_into(page, tmp_path_factory.mktemp("restoration") / "configuration.json", lab)
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    exemption = lab.request("POST", "exemptions", {"reason": "tour", "until": soon, "values": ["192.0.2.77"]})["id"]
    rule = lab.request("POST", "rules", {"name": "tour", "action": "drop", "enabled": False, "tags": ["tour"]})["id"]
    week = {"name": "tour", "weekdays": [0], "begin": "08:00", "end": "18:00"}
    schedule = lab.request("POST", "schedules", week)["id"]
    if not lab.get("selftests")["count"]:
        lab.request("POST", "selftests")
    samples = pages.SAMPLES | {
        "accounts:maintenance_report": lambda _lab: window,
        "accounts:maintenance_watch": lambda _lab: window,
        "system:backup_restore": lambda _lab: restoration,
        "mfa_remove_webauthn": lambda _lab: passkey,
        "mfa_edit_webauthn": lambda _lab: passkey,
        "firewall:exemptions_show": lambda _lab: str(exemption),
        "firewall:rules_start": lambda _lab: str(rule),
        "firewall:objects_edit_schedule": lambda _lab: str(schedule),
        "system:log_line": dropped,
    }
    try:
        with lab.place_call():
            yield Tour(context, pages.addresses(lab, context, samples), complaints)
    finally:
        lab.request("POST", f"activations/{exemption}/stop")
        lab.request("DELETE", f"rules/{rule}")
        lab.request("DELETE", f"schedules/{schedule}")
        speak(context, "en")
        page.goto("/accounts/maintenance/")
        page.locator("main").get_by_role("button", name="End now").first.click()
        page.wait_for_url(f"**/accounts/maintenance/{window}/")
        page.goto(f"/accounts/factors/passkeys/{passkey}/remove/")
        page.get_by_role("button", name="Remove").click()
        page.wait_for_url(lambda url: "/remove/" not in url)
        context.close()
    assert until(lambda: not any(each["running"] for each in lab.get("selftests")["items"]), 120)


def dropped(lab: RunningLab) -> str:
    """A line of the log: of a packet that no rule lets through."""
    with lab.socket("lan", "192.168.0.66") as computer:

        def lines() -> list[dict[str, Any]]:
            computer.sendto(b"?", ("203.0.113.66", 9))
            return list(lab.get("log")["items"])

        found = until(lines, 20)
    return str(found[0]["id"]) if found else pages.NOBODY


def speak(context: BrowserContext, language: str) -> None:
    console = f"http://localhost:{console_port()}"
    context.add_cookies([{"name": "django_language", "value": language, "url": console}])


def add_passkey(context: BrowserContext, page: Page) -> str:
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    page.goto("/accounts/factors/passkeys/add/")
    page.get_by_role("textbox", name="Name").fill("Tour")
    page.get_by_role("button", name="Add").click()
    page.wait_for_url(lambda url: "/passkeys/add/" not in url)
    page.goto("/accounts/")
    remove = page.locator("#factors").get_by_role("link", name="Remove Tour")
    return str(remove.get_attribute("href")).split("/")[-3]


def let_support_in(page: Page) -> str:
    """From a telephone's address, where nobody of support is."""
    page.goto("/accounts/maintenance/start/")
    page.get_by_role("link", name="Use a passkey instead").click()
    page.get_by_role("button", name="Use the passkey").click()
    page.get_by_label("Phone 103", exact=True).check()
    page.get_by_label("Why").fill("A look at every page")
    page.get_by_role("button", name="Let support in").click()
    page.wait_for_url("**/accounts/maintenance/")
    end = page.locator("main form[action$='/end/']").first
    return str(end.get_attribute("action")).split("/")[-3]


def look_into(page: Page, file: Path, lab: RunningLab) -> str:
    file.write_text(page.request.get("/system/backup/configuration.json").text())
    page.goto("/system/backup/")
    page.locator("form[action$='/look/'] input[type=file]").set_input_files(file)
    page.locator("form[action$='/look/'] button").click()
    page.wait_for_url(lambda url: url.rstrip("/").rpartition("/")[2].isdigit())
    return page.url.rstrip("/").rpartition("/")[2]


@pytest.mark.parametrize("language", LOOKS)
def test_axe_has_nothing_to_object_to(tour: Tour, language: str):
    """Colours know no language and words no theme: each page in all of both, the busy ones in every combination."""
    assert len(tour.paths) > 50
    speak(tour.context, language)
    page, axe, wrong = tour.context.new_page(), Axe().axe_script, []
    for path in tour.paths:
        looks = tuple(product(THEMES, (DESK, TELEPHONE))) if path in BUSY else LOOKS[language]
        wrong += look(page, path, axe, looks)
        assert page.locator("html").get_attribute("lang") == language
    page.close()
    assert not wrong, "\n".join(wrong)
    assert not tour.complaints, "\n".join(tour.complaints)


def look(page: Page, path: str, axe: str, looks: tuple[Look, ...]) -> list[str]:
    """In each of the looks, without loading the page anew."""
    page.goto(path)
    if page.locator("[data-live-table]").count():
        expect(page.locator("body")).to_have_attribute("data-live", "live")
    page.evaluate(axe)
    wrong: list[str] = []
    for theme, size in looks:
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size(size)
        found = page.evaluate(WIDER) + page.evaluate(TWICE) + page.evaluate(AXE, LEVELS)
        wrong += [f"{path} {theme} {size['width']}: {each}" for each in found]
    return wrong
