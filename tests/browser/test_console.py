# SPDX-License-Identifier: GPL-2.0-or-later
"""Every page in both themes and at two widths: it renders, keeps to the policy, and the main journeys work."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.lab.running import RunningLab

pytestmark = [pytest.mark.browser]

PAGES = (
    "/",
    "/calls/",
    "/calls/registrations/",
    "/calls/pinholes/",
    "/firewall/rules/",
    "/firewall/objects/",
    "/system/changes/",
    "/accounts/",
)
FIRST_LOAD_CEILING = 120 * 1024  # octets, compressed


@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_page_renders_in_both_themes_and_widths(context: BrowserContext, path: str, theme: str, width: int):
    page = context.new_page()
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two words
    page.set_viewport_size({"width": width, "height": 900})
    response = page.goto(path)
    assert response is not None
    assert response.status == 200
    assert "script-src 'self'" in response.headers["content-security-policy"]
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == theme
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page scrolls sideways"


@pytest.mark.parametrize("language", ["en", "de", "tr"])
def test_first_load_is_small(context: BrowserContext, lab: RunningLab, language: str):
    """Turkish has letters in a file of the typeface that others need not load."""
    context.add_cookies([{"name": "django_language", "value": language, "url": lab.console}])
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto("/", wait_until="load")
    page.wait_for_timeout(500)
    assert 0 < sum(sizes) <= FIRST_LOAD_CEILING


def test_who_is_not_signed_in_sees_only_the_door(chromium: Browser, lab: RunningLab):
    context = chromium.new_context(base_url=lab.console)
    page = context.new_page()
    for path in PAGES:
        page.goto(path)
        assert "/accounts/sign-in/" in page.url
    context.close()


def test_link_works_once(chromium: Browser, lab: RunningLab):
    link = lab.manage("signin_link").split()[-1]
    for expected in ("Overview", "This link does not work"):
        context = chromium.new_context()
        page = context.new_page()
        page.goto(link)
        button = page.get_by_role("button", name="Sign in")
        if button.count():
            button.click()
        expect(page.locator("body")).to_contain_text(expected)
        context.close()


def test_dashboard_says_in_one_sentence_that_telephony_works(page: Page):
    page.goto("/")
    expect(page.locator("main")).to_contain_text("Telephony works")


def test_names_of_countries_are_suggested_for_the_last_of_a_list(page: Page):
    page.goto("/firewall/objects/addresses/add/")
    field = page.get_by_label("Address, name or countries")
    field.fill("192.168.0.2")
    assert field.get_attribute("list") is None
    page.get_by_label("Kind").select_option("country")
    field.fill("Germany, Swi")
    expect(field).to_have_attribute("list", "country-names")
    assert (
        page.locator('#country-names option[data-name="Switzerland"]').evaluate("it => it.value")
        == "Germany, Switzerland"
    )
    page.goto("/firewall/recipes/rtp/")
    page.get_by_label("From where").fill("Ger")
    expect(page.get_by_label("From where")).to_have_attribute("list", "country-names")
    expect(page.locator('#country-names option[data-name="Germany"]')).to_have_attribute("value", "Germany")


def test_form_asks_only_what_fits_what_is_chosen(page: Page):
    page.goto("/firewall/objects/addresses/add/")
    value, lookup = page.get_by_label("Address, name or countries"), page.get_by_label("Look up")
    negated, members = page.get_by_label("Everywhere but these countries"), page.get_by_role("group", name="Members")
    asked = {
        "host": (True, False, False, False), "dns": (True, True, False, False), "country": (True, False, True, False),
        "group": (False, False, False, True),
    }  # fmt: skip
    for kind, seen in asked.items():
        page.get_by_label("Kind").select_option(kind)
        for field, visible in zip((value, lookup, negated, members), seen, strict=True):
            expect(field).to_be_visible(visible=visible)
    page.get_by_label("Name", exact=True).fill("Nobody")
    page.get_by_role("button", name="Save draft").click()
    expect(page.locator(".errors").first).to_be_visible()  # wherever it stands
    page.goto("/system/tests/")
    expect(page.get_by_label("For (seconds)")).to_be_hidden()
    page.get_by_label("What").select_option("capture")
    expect(page.get_by_label("For (seconds)")).to_be_visible()
    expect(page.get_by_label("Port")).to_be_hidden()


def test_an_error_is_copied_with_page_and_time(context: BrowserContext, lab: RunningLab):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    used = next(each["id"] for each in lab.get("addresses")["items"] if each["name"] == "PBX")
    page.goto(f"/firewall/objects/addresses/{used}/")
    page.get_by_role("button", name="Delete").click()
    said = page.locator(".notice.level-error")
    expect(said).to_contain_text("PBX")
    said.get_by_role("button", name="Copy this error").click()
    expect(said.get_by_role("button", name="Copy this error")).to_have_attribute("title", "Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert said.locator(":scope > :not(button, svg)").inner_text() in copied
    assert "/firewall/objects/" in copied
