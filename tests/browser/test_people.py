# SPDX-License-Identifier: GPL-2.0-or-later
"""What people do at the console with their hands: a passkey, an exemption in four clicks, names that hold markup."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from deploy.lab.processes import console_port
from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]

MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"
NAMES = (
    MARKUP,
    '"><svg onload=alert(3)>',
    "javascript:alert(4)",
    "{{7*7}}{% debug %}",
    "' onfocus=alert(5) autofocus x='",
)
RUNS = 'main script:not([src]):not([type="application/json"]), main img[onerror], main svg[onload], main [onfocus]'
PAGES = (
    "/", "/firewall/rules/", "/firewall/rules/?table=dnat", "/firewall/objects/", "/firewall/questions/",
    "/firewall/activations/", "/firewall/exemptions/", "/firewall/exemptions/add/", "/system/changes/review/",
    "/system/changes/", "/audit/", "/audit/?words=alert", "/accounts/", "/accounts/people/", "/accounts/exposure/",
    "/accounts/maintenance/", "/accounts/maintenance/start/",
)  # fmt: skip


@pytest.fixture
def by_name(chromium: Browser, lab: RunningLab) -> Iterator[BrowserContext]:
    """At the console's name: a passkey belongs to a name and not to an address."""
    context = chromium.new_context(base_url=f"http://localhost:{console_port()}")
    page = context.new_page()
    page.goto(lab.manage("signin_link").split()[-1].replace("127.0.0.1", "localhost"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/link/" not in url)
    yield context
    context.close()


def test_passkey_is_added_and_signs_in_alone(by_name: BrowserContext):
    page = by_name.pages[0]
    session = by_name.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto("/accounts/factors/passkeys/add/")
    page.get_by_role("textbox", name="Name").fill("My telephone")
    page.get_by_label("Sign in with it alone").check()
    page.get_by_role("button", name="Add").click()
    page.wait_for_url("**/accounts/factors/codes/")
    page.goto("/accounts/")
    expect(page.locator("#factors")).to_contain_text("My telephone")
    page.locator("main").get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/sign-in/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"http://localhost:{console_port()}/")
    expect(page.locator("main")).to_contain_text("Telephony")
    page.goto("/accounts/")
    page.locator("#factors").get_by_role("link", name="Remove My telephone").click()
    page.get_by_role("button", name="Remove").click()
    page.goto("/accounts/")
    expect(page.locator("#factors")).not_to_contain_text("My telephone")


def test_j6_exempting_a_server_takes_four_clicks(page: Page, lab: RunningLab):
    """Navigation, the server, start, draft the rules."""
    page.goto("/")
    page.get_by_role("link", name="Exemptions", exact=True).click()
    row = page.locator("tr[data-server]").filter(has_text="Provider")
    row.get_by_role("link", name="Exempt Provider", exact=True).click()
    panel = page.locator("#panel")
    expect(panel).to_contain_text("Encrypted SIP (5061) is not affected")
    panel.get_by_label("Why").fill("the provider asked for it")
    panel.get_by_role("button", name="Start now").click()
    expect(page.locator("#exemption")).to_have_attribute("data-state", "active", timeout=20_000)
    expect(page.locator("main")).to_contain_text("Speech from")
    page.get_by_role("button", name="Draft these rules").click()
    expect(page.locator("#messages")).to_contain_text("drafted")
    page.get_by_role("button", name="Lift now").click()
    page.locator("#messages").get_by_role("button", name="Undo", exact=True).click()
    expect(page.locator("#messages")).to_contain_text("“Provider” acts again.")
    expect(row).to_have_attribute("data-state", "exempt", timeout=20_000)
    row.get_by_role("button", name="Lift").click()
    expect(page.locator("main")).to_contain_text("The ALG handles all SIP servers.")
    for rule in lab.get("rules")["items"]:
        if any(tag.startswith("exempt-") for tag in rule["tags"]):
            lab.request("DELETE", f"rules/{rule['id']}")
    assert until(lambda: lab.get("activations")["count"] == 0, 20)


def look_into(page: Page, configuration: str) -> None:
    """Of somebody else's configuration, what it would change here."""
    page.goto("/system/backup/")
    content = {"name": f"{MARKUP[:20]}.json", "mimeType": "application/json", "buffer": configuration.encode()}
    page.get_by_label("File").set_input_files(content)  # type: ignore[arg-type]  # a file that lies nowhere
    page.get_by_role("button", name="Look into it").click()
    page.wait_for_url("**/system/backup/*/")


def test_names_that_hold_markup_run_nowhere(page: Page, lab: RunningLab):
    """Rules, objects, people, reasons, comments and what is imported; every page that shows them.

    The fixtures watch the browser.
    """
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    made: list[str] = []
    try:
        for number, name in enumerate(NAMES):
            address = {"name": f"{name}{number}"[:80], "kind": "host", "value": f"192.0.2.{number + 1}"}
            made.append(f"addresses/{lab.request('POST', 'addresses', address)['id']}")
            rule = {
                "name": name, "action": "drop", "source": address["name"], "comment": name, "tags": [name[:40]],
                "section": name, "enabled": False,
            }  # fmt: skip
            made.insert(0, f"rules/{lab.request('POST', 'rules', rule)['id']}")
        page.goto("/accounts/people/")
        form = page.locator('form[action$="/people/add/"]')
        form.get_by_label("Name").fill(f"{MARKUP} {len(lab.get('revisions')['items'])} {console_port()}"[:80])
        form.get_by_role("button", name="Add user").click()
        for path in PAGES:
            page.goto(path)
            page.wait_for_load_state()
            assert page.locator(RUNS).count() == 0, path
        look_into(page, json.dumps(lab.get("configuration")).replace("alert(", "alerd("))
        expect(page.locator("main")).to_contain_text("alerd(")
        assert page.locator(RUNS).count() == 0, "what an import would change"
    finally:
        for each in made:
            lab.request("DELETE", each)
    assert dialogs == []
