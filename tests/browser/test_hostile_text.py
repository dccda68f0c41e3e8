# SPDX-License-Identifier: GPL-2.0-or-later
"""What a caller writes stays text, on every page that shows it (A41): no script runs, no markup comes of it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]

CORPUS = (
    "<script>window.hurt=1</script>",
    '"><img/src=x/onerror=window.hurt=1>',
    "'-(window.hurt=1)-'",
    "javascript:window.hurt=1",
    "<svg/onload=window.hurt=1>",
    "${window.hurt=1}{{7*7}}{%if%}",
    "\u202egnp.exe\u2028<b>bold</b>",
    '<iframe/srcdoc="<script>parent.hurt=1</script>">',
    "\x1b[2J\x07<a/href=javascript:window.hurt=1>",
)
PHONE, PROVIDER = ("192.168.0.10", 15061), ("203.0.113.1", 5060)


def invite(number: int, evil: str) -> bytes:
    quoted = evil.replace("\\", "\\\\").replace('"', '\\"')
    return "\r\n".join((
        "INVITE sip:nobody@203.0.113.1 SIP/2.0",
        f"Via: SIP/2.0/UDP {PHONE[0]}:{PHONE[1]};branch=z9hG4bKhostile{number};rport",
        f'From: "{quoted}" <sip:hostile{number}@203.0.113.1>;tag=h{number}', "To: <sip:nobody@203.0.113.1>",
        f"Call-ID: hostile{number}-{evil}".replace(" ", ""), "CSeq: 1 INVITE", "Max-Forwards: 70",
        f"Contact: <sip:h@{PHONE[0]}:{PHONE[1]}>", f"User-Agent: {evil}", f"Subject: {evil}",
        "Content-Length: 0", "\r\n",
    )).encode()  # fmt: skip


def visit(page: Page, path: str) -> None:
    answer = page.goto(path)
    assert answer is not None
    assert answer.ok, path


def unhurt(page: Page) -> None:
    assert page.evaluate("window.hurt === undefined")
    assert page.locator("img[src=x], svg[onload], iframe, td b, pre b, a[href^='javascript:']").count() == 0


def test_a41_no_word_of_a_caller_runs_in_any_page(page: Page, lab: RunningLab):
    with lab.socket("lan", *PHONE) as phone:
        for number, evil in enumerate(CORPUS):
            phone.sendto(invite(number, evil), PROVIDER)

        def known() -> list[str]:
            return [row["id"] for row in lab.get("calls")["items"] if row["call_id"].startswith("hostile")]

        assert until(lambda: len(known()) == len(CORPUS), 20)
    visit(page, "/calls/")
    expect(page.locator("body")).to_have_attribute("data-live", "live")
    for ident in known():
        expect(page.locator(f'tr[data-id="{ident}"]')).to_be_visible()
    unhurt(page)
    for ident in known():
        visit(page, f"/calls/{ident}/")
        expect(page.locator("main")).to_contain_text("hostile")
        unhurt(page)
        for message in lab.get(f"calls/{ident}/messages")["items"][:1]:
            path = f"/calls/{ident}/messages/{message['id']}/"
            page.evaluate("path => htmx.ajax('GET', path, {target: '#panel'})", path)
            expect(page.locator("#panel")).to_contain_text("Subject")
            unhurt(page)
    assert until(lambda: "hostile" in str(lab.get("calls/history")["items"]), 30)
    visit(page, "/calls/history/?q=hostile")
    unhurt(page)
