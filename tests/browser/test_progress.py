# SPDX-License-Identifier: GPL-2.0-or-later
"""What takes longer shows how far it is; what was done by mistake is taken back; J11, back to yesterday."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]


def _rules(lab: RunningLab) -> list[tuple[int, str]]:
    return [(each["id"], each["name"]) for each in lab.get("rules")["items"]]


def test_deleted_rule_is_taken_back_by_one_click(page: Page, lab: RunningLab) -> None:
    made = lab.request("POST", "rules", {"name": "by mistake", "action": "drop", "enabled": False})["id"]
    before = _rules(lab)
    try:
        page.goto("/firewall/rules/")
        page.get_by_role("link", name="Edit by mistake", exact=True).click()
        page.locator("#panel").get_by_role("button", name="Delete", exact=True).click()
        offer = page.locator("#messages form").filter(has_text="by mistake")  # another test's may stand there before
        undo = offer.get_by_role("button", name="Undo", exact=True)
        expect(undo).to_be_visible(timeout=15_000)
        assert made not in dict(_rules(lab))
        undo.hover()  # the offer stays while somebody is at it
        undo.click()
        expect(page.locator("#messages")).to_contain_text("is where it was", timeout=15_000)
        assert _rules(lab) == before
    finally:
        if made in dict(_rules(lab)):
            lab.request("DELETE", f"rules/{made}")


def test_import_of_country_data_shows_how_far_it_is(page: Page, lab: RunningLab, tmp_path: Path) -> None:
    rows = tmp_path / "countries.csv"
    rows.write_text("".join(f"{1 + n // 65536}.{n // 256 % 256}.{n % 256}.0/24,DE\n" for n in range(400_000)))
    page.goto("/firewall/objects/countries/")
    page.get_by_label("File", exact=True).set_input_files(rows)
    page.evaluate(
        """() => { window.seen = []; new MutationObserver(() => {
          const bar = document.querySelector('[data-job-line] progress');
          if (bar.value > 0 && bar.value < bar.max) localStorage.setItem('far', `${bar.value} ${bar.max}`);
        }).observe(document.querySelector('[data-job-line]'), {attributes: true, childList: true, subtree: true}); }"""
    )
    page.get_by_role("button", name="Upload and compare").click()
    discard = page.get_by_role("button", name="Discard")
    expect(discard).to_be_visible(timeout=90_000)
    far = page.evaluate("localStorage.getItem('far')")
    discard.click()
    expect(discard).to_have_count(0)
    assert far, "no word on how far it was"
    done, of = (int(each) for each in far.split())
    assert 0 < done < of == 400_000


def test_j11_back_to_yesterday_takes_four_clicks(page: Page, lab: RunningLab) -> None:
    """Changes, the revision, go back, apply; then keep. The draft is what it was, and so is what runs."""
    yesterday = next(row["number"] for row in lab.get("revisions")["items"] if row["state"] == "applied")
    before = _rules(lab)
    made = lab.request("POST", "rules", {"name": "since yesterday", "action": "drop", "enabled": False})["id"]
    try:
        lab.apply("today")
        page.goto("/")
        page.get_by_role("link", name="Changes", exact=True).click()
        page.get_by_role("link", name=str(yesterday), exact=True).click()
        page.get_by_role("button", name="Go back to this (as a draft)").click()
        expect(page.locator("main")).to_contain_text("since yesterday", timeout=15_000)
        page.get_by_role("button", name="Apply", exact=True).click()
        trial = page.locator("#status [data-trial]")
        expect(trial).to_be_visible(timeout=30_000)
        number = lab.get("revisions")["items"][0]["number"]
        lab.request("POST", f"revisions/{number}/keep")
        assert until(lambda: lab.get(f"revisions/{number}")["state"] == "applied", 30)
        assert _rules(lab) == before
    finally:
        if made in dict(_rules(lab)):
            lab.request("DELETE", f"rules/{made}")
            lab.apply("the laboratory as before")
