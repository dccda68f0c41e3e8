# SPDX-License-Identifier: GPL-2.0-or-later
"""A signed-in owner in Debian's Chromium, with the running laboratory behind the console.

A page that logs an error, breaks the content security policy or asks another host has failed its test.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from tests.lab.running import RunningLab

CHROMIUM = "/usr/bin/chromium"
# Debian's Chromium looks for hosts of its vendor at every start; an appliance's network answers nobody.
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


expect.set_options(timeout=20_000)  # milliseconds; Playwright's five are few on a busy machine


@dataclass
class Complaints:
    """What the browser did not like, and whom else the page asked."""

    console: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def signed_in(chromium: Browser, lab: RunningLab) -> dict[str, Any]:
    """The owner's cookies, got the way he gets them: by the one-time link."""
    link = lab.manage("signin_link").split()[-1]
    context = chromium.new_context()
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "/link/" not in url)
    state: Any = context.storage_state()
    context.close()
    return dict(state)


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.fixture
def context(
    chromium: Browser, signed_in: dict[str, Any], lab: RunningLab, complaints: Complaints
) -> Iterator[BrowserContext]:
    context = chromium.new_context(
        storage_state=signed_in, base_url=lab.console, viewport={"width": 1440, "height": 900}
    )  # type: ignore[arg-type]  # its own cookies

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc != urlsplit(lab.console).netloc and not request.url.startswith("data:"):
            complaints.elsewhere.append(request.url)

    context.on("request", asked)
    context.on("console", lambda said: complaints.console.append(said.text) if said.type == "error" else None)
    context.on("weberror", lambda raised: complaints.console.append(str(raised.error)))
    yield context
    context.close()
    assert complaints.console == []
    assert complaints.elsewhere == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
