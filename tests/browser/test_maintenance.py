# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole life of remote maintenance, with the support company's own browser outside: before, during, after."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.lab import topology
from deploy.lab.processes import console_port
from tests import pace
from tests.browser.conftest import ARGUMENTS, CHROMIUM
from tests.lab.running import RunningLab, until
from tests.unit.accounts import factors

pytestmark = [pytest.mark.browser]

CONSOLE = topology.APPLIANCE_OUTSIDE
PASSWORD = "a long enough pass phrase"
HELPER = "Vendor helper"
TYPING_SECONDS = 4
DAEMONS = ("worker", "beat", "netadmin", "engine", "broker", "redis")
OPEN_SHORTLY = """
from datetime import timedelta
from appliance.accounts.services import open_window
from appliance.firewall.models import AddressObject
open_window(actor="test", scope=3, lasts=timedelta(seconds={seconds}), reason="short",
            sources=[AddressObject.objects.get(search="support company")])
"""

CLEAR = """
from allauth.mfa.models import Authenticator
from appliance.accounts.queries import open_window
from appliance.accounts.services import close_window
window = open_window()
if window:
    close_window(actor="test", window=window)
for factor in Authenticator.objects.all():
    factor.delete()
"""
"""Nobody's sessions end: other tests go on with the owner's browser."""


@pytest.fixture
def outside(chromium: Browser, lab: RunningLab, tmp_path: Path) -> Iterator[Browser]:
    """A browser at the support company: in its network, with its address."""
    program = tmp_path / "chromium"
    program.write_text(f'#!/bin/sh\nexec nsenter --net=/run/netns/{topology.WAN} -- {CHROMIUM} "$@"\n')
    program.chmod(0o755)
    lab.run("wan", "ip", "route", "replace", f"{CONSOLE}/32", "dev", "uplink", "src", topology.SUPPORT)
    browser = chromium.browser_type.launch(executable_path=program, args=ARGUMENTS)
    yield browser
    browser.close()
    lab.run("wan", "ip", "route", "del", f"{CONSOLE}/32", check=False)


@pytest.fixture
def owner(chromium: Browser, lab: RunningLab) -> Iterator[Page]:
    """A browser of the owner's of its own, with a second factor for as long as the test lasts.

    Whatever becomes of the test, no way in and no factor stays.
    """
    lab.manage("shell", "-c", CLEAR)
    for rule in lab.get("rules")["items"]:  # of a run that failed
        if rule["name"] == "made by support":
            lab.request("DELETE", f"rules/{rule['id']}")
    context = chromium.new_context(base_url=lab.console)
    page = context.new_page()
    page.goto(lab.manage("signin_link").split()[-1])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/link/" not in url)
    page.goto("/accounts/factors/app/add/")
    page.secret = page.locator("#totp-secret").inner_text()  # type: ignore[attr-defined]  # kept with the page
    page.get_by_label("Code that the app shows").fill(code(page.secret))  # type: ignore[attr-defined]  # the same
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator("#recovery-codes")).to_be_visible()
    yield page
    context.close()
    lab.manage("shell", "-c", CLEAR)
    assert until(lambda: lab.get("activations")["count"] == 0, 20)


def connects(lab: RunningLab, source: str) -> socket.socket | None:
    with topology.inside(lab.namespaces["wan"]):
        wire = socket.socket()
    wire.settimeout(0.7)
    wire.bind((source, 0))
    with suppress(OSError):
        wire.connect((CONSOLE, console_port()))
        return wire
    wire.close()
    return None


def answers(wire: socket.socket, wait: float) -> bool:
    """Whether the console still answers on this open connection."""
    wire.settimeout(wait)
    with suppress(OSError):
        wire.sendall(f"HEAD /accounts/sign-in/ HTTP/1.1\r\nHost: {CONSOLE}:{console_port()}\r\n\r\n".encode())
        return bool(wire.recv(4096))
    return False


def prepare(lab: RunningLab, owner: Page) -> str:
    """The company's address and its person's account; the link to that account."""
    if "Support company" not in [each["name"] for each in lab.get("addresses")["items"]]:
        lab.request("POST", "addresses", {"name": "Support company", "kind": "host", "value": topology.SUPPORT})
    owner.goto("/accounts/people/")
    known = owner.locator(f'tr[data-user="{HELPER}"]')
    if known.count():
        if known.get_by_role("button", name="Reset factor").count():
            known.get_by_role("button", name="Reset factor").click()
        owner.locator(f'tr[data-user="{HELPER}"]').get_by_role("button", name="New link").click()
    else:
        form = owner.locator('form[action$="/people/add/"]')
        form.get_by_label("Name").fill(HELPER)
        form.get_by_label("Role").select_option("support")
        form.get_by_role("button", name="Add user").click()
    link = owner.locator("#invitation-link").inner_text()
    return re.sub(r"http://[^/]+", f"http://{CONSOLE}:{console_port()}", link)


def code(secret: str) -> str:
    """One that is good for as long as it takes to type it."""
    left = 30 - time.time() % 30
    time.sleep(left if left < TYPING_SECONDS else 0)
    return str(factors.code(secret))


def let_support_in(owner: Page) -> None:
    owner.goto("/accounts/maintenance/start/")
    owner.get_by_label("Code from your app").fill(code(owner.secret))  # type: ignore[attr-defined]  # kept with the page
    owner.get_by_role("button", name="Confirm").click()
    owner.get_by_label("Support may").select_option("3")
    owner.get_by_label("Support company").check()
    owner.get_by_label("Why").fill("no audio since Monday")
    owner.locator("main").get_by_role("button", name="Let support in").click()
    expect(owner.locator("#support-acts")).to_contain_text("The kernel lets in", timeout=20_000)


@contextmanager
def helper_signed_in(outside: Browser, link: str) -> Iterator[Page]:
    """Through the link, with a password and a second factor, as a person would."""
    context = outside.new_context()
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/link/" not in url)
    page.goto(f"http://{CONSOLE}:{console_port()}/accounts/factors/app/add/")
    page.get_by_label("Code that the app shows").fill(code(page.locator("#totp-secret").inner_text()))
    page.get_by_role("button", name="Switch on").click()
    expect(page.locator("#recovery-codes")).to_be_visible()
    yield page
    context.close()


def test_whole_life_of_a_window(owner: Page, outside: Browser, lab: RunningLab):
    link = prepare(lab, owner)
    assert connects(lab, topology.SUPPORT) is None, "nothing before"
    let_support_in(owner)
    assert connects(lab, topology.STRANGER) is None, "nobody else"
    with helper_signed_in(outside, link) as helper:
        base = f"http://{CONSOLE}:{console_port()}"
        helper.goto(f"{base}/firewall/rules/")
        expect(helper.locator("#maintenance-banner")).to_contain_text("no audio since Monday")
        helper.goto(f"{base}/firewall/rules/add/?table=forward")
        helper.get_by_label("Name").fill("made by support")
        helper.locator("main").get_by_role("button", name="Save draft").click()
        helper.goto(f"{base}/accounts/people/")
        expect(helper.locator("main")).to_contain_text("Only the owner can see users")
        owner.goto("/accounts/maintenance/")
        expect(owner.locator("#support-acts")).to_contain_text("made by support", timeout=20_000)
        owner.goto("/calls/")
        expect(owner.locator("#maintenance-banner")).to_contain_text("Vendor support may come in")
        open_wire = connects(lab, topology.SUPPORT)
        assert open_wire is not None
        assert answers(open_wire, 20)
        began = time.monotonic()
        owner.locator("#maintenance-banner").get_by_role("button", name="End now").click(no_wait_after=True)
        assert until(lambda: not answers(open_wire, 1), 20)
        took = time.monotonic() - began
        assert took < 2.2 * pace.of_clock(), "a second, and the one in which no answer came"
        open_wire.close()
        owner.wait_for_url("**/accounts/maintenance/*/")
        assert connects(lab, topology.SUPPORT) is None, "and nothing afterwards"
    expect(owner.locator("main")).to_contain_text("Rule “made by support” is new.")
    expect(owner.locator("#maintenance-banner")).to_be_empty()
    owner.get_by_role("button", name="Take it back").click()
    expect(owner.locator("#messages")).to_contain_text("The draft is what it was before")
    names = [rule["name"] for rule in lab.get("rules")["items"]]
    assert "made by support" not in names
    owner.goto("/accounts/exposure/")
    expect(owner.locator(f'tr[data-user="{HELPER}"]')).to_contain_text("cannot sign in now")


def test_the_kernel_ends_it_with_every_daemon_killed(owner: Page, outside: Browser, lab: RunningLab):
    prepare(lab, owner)
    lab.manage("shell", "-c", OPEN_SHORTLY.format(seconds=20))
    ends = time.time() + 20
    first = until(lambda: connects(lab, topology.SUPPORT), 20)
    assert first is not None
    first.close()
    with lab.ended(*DAEMONS):
        wire = connects(lab, topology.SUPPORT)
        assert wire is not None, "the machine was too slow for this test"
        with wire:
            while answers(wire, 2):
                assert time.time() < ends + 5, "still open"
                time.sleep(0.1)
        assert time.time() > ends - 1
        assert connects(lab, topology.SUPPORT) is None
    assert until(lab.healthy, 60)
