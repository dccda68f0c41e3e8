# SPDX-License-Identifier: GPL-2.0-or-later
"""One call on its page: from the dashboard to the cause in few clicks, the ladder by keyboard, before and after."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from deploy.lab import calls, peers, topology
from tests.lab.misled import ELSEWHERE, misled
from tests.lab.running import RunningLab, until

pytestmark = [pytest.mark.browser]

WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture
def call(lab: RunningLab) -> Iterator[dict[str, Any]]:
    """A call with audio both ways."""
    with lab.place_call() as placed:
        row = until(lambda: (found := lab.call_row(placed)) and found["verdict"] and found, 20)
        assert row
        yield row


def opened(page: Page, row: dict[str, Any]) -> Page:
    page.goto(f"/calls/{row['id']}/")
    expect(page.locator("[data-message]").first).to_be_visible()
    return page


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": WCAG}})
    return [f"{each['id']}: {[node['target'] for node in each['nodes']]}" for each in found.response["violations"]]


def test_they_cannot_hear_us_in_four_clicks(page: Page, lab: RunningLab, tmp_path: Path):
    """J5: the provider's media comes from an address that nobody named."""
    media = topology.PROVIDER_MEDIA
    with (
        misled(lab, "wan", f"ip saddr {media} ip saddr set {ELSEWHERE}"),
        lab.place_call() as placed,
    ):
        page.goto("/")
        row = page.locator("tr[data-id]").filter(has_text=f"the other side sends from {ELSEWHERE}")
        expect(row).to_be_visible(timeout=20_000)  # it is said before any click
        row.get_by_role("link").first.click()
        verdict = page.locator('[data-part="verdict"]')
        expect(verdict).to_contain_text(f"the other side sends from {ELSEWHERE}.")
        expect(verdict).to_contain_text(f"No packets from {media}:")
        expect(page.locator('[data-direction="in"]')).to_have_attribute("data-state", "none")
        expect(page.locator('[data-direction="out"]')).to_have_attribute("data-state", "flows")
        assert lab.call_row(placed)
        page.set_viewport_size({"width": 1280, "height": 1000})
        page.wait_for_timeout(4_000)  # for the picture: the rates have a line by then
        page.screenshot(path=Path(os.environ.get("PINHOLE_SCREENSHOTS", tmp_path)) / "call-one-way.png")


def test_ladder_grows_before_ones_eyes(page: Page, lab: RunningLab):
    with lab.place_call() as placed:
        row = until(lambda: lab.call_row(placed), 20)
        assert row
        opened(page, row)
        before = page.locator("[data-message]").count()
        expect(page.locator('[data-part="verdict"]')).to_contain_text("Audio flows in both directions.", timeout=20_000)
    bye = page.get_by_role("button", name="BYE")
    expect(bye).to_be_visible(timeout=20_000)
    assert page.locator("[data-message]").count() > before
    expect(page.locator('[data-part="verdict"]')).to_contain_text("hung up by the phone")


EDGES = """() => {
  const gap = document.querySelector('.ladder .gap');
  const [inner, outer] = [gap, gap.parentElement].map((node) => node.getBoundingClientRect());
  return [outer.left, inner.left, inner.right, outer.right];
}"""


def test_past_silence_is_a_gap_in_its_bar_and_stays_when_the_call_is_over(page: Page, lab: RunningLab, tmp_path: Path):
    """The provider's media stops for two seconds and comes again; the phone's goes on."""
    said = re.compile(r"silent from \d\d:\d\d:\d\d to \d\d:\d\d:\d\d$")
    card = page.locator('[data-direction="in"] [data-part="silences"]')
    gaps = page.locator(".ladder .gap")
    with lab.place_call() as placed:
        row = until(lambda: (found := lab.call_row(placed)) and found["audio_in"]["active"] and found, 20)
        assert row
        opened(page, row)
        expect(card).to_have_text("")
        with misled(lab, "wan", f"ip saddr {topology.PROVIDER_MEDIA} drop"):
            expect(card).to_have_text(re.compile(r"silent since \d\d:\d\d:\d\d$"), timeout=20_000)
        expect(card).to_have_text(said, timeout=20_000)
        expect(gaps).to_have_count(1)
    expect(page.locator('[data-part="verdict"]')).to_contain_text("hung up", timeout=20_000)
    page.reload()
    expect(gaps).to_have_count(1)
    expect(gaps.locator("title")).to_have_text(said)
    bar = page.get_by_role("img", name=re.compile("What the phone hears: RTP audio: .* packets .* silent from"))
    expect(bar).to_have_count(1)
    edges = page.evaluate(EDGES)
    assert edges == sorted(set(edges)), "the gap is within the bar"
    heard = page.get_by_role("table", name="Openings of this call").get_by_role("row").filter(has_text="audio RTP ·")
    expect(heard.get_by_role("cell").last).to_have_text(re.compile("silent from"))
    page.locator("details.menu").evaluate("menu => menu.open = true")
    with page.expect_download() as download:
        page.get_by_role("button", name="Picture of the ladder (SVG)").click()
    download.value.save_as(tmp_path / "gap.svg")
    assert re.search("<title[^>]*>silent from", (tmp_path / "gap.svg").read_text())


def test_message_opens_side_by_side_by_keyboard(page: Page, call: dict[str, Any]):
    opened(page, call)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    panel = page.locator("#panel")
    expect(panel.locator("h2")).to_contain_text("INVITE")
    expect(panel.locator("del").filter(has_text="192.168.0.10").first).to_be_visible()
    expect(panel.locator("ins").filter(has_text=topology.APPLIANCE_OUTSIDE).first).to_be_visible()
    expect(panel).to_contain_text("the party's signalling endpoint and our mapping of it")
    numbers = panel.locator("del").evaluate_all("nodes => nodes.map(node => node.dataset.change)")
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert panel.locator("tbody tr").count() == len(numbers)
    page.keyboard.press("j")
    expect(panel.locator("h2")).not_to_contain_text("INVITE")
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    expect(page.locator("svg [data-message='m2']")).to_be_focused()
    page.keyboard.press("Escape")
    page.wait_for_url("**/calls/")


def test_the_same_is_a_table(page: Page, call: dict[str, Any]):
    opened(page, call)
    page.get_by_text("The same as a table").click()
    table = page.get_by_role("table", name="Messages of this call")
    assert table.locator("tbody tr").count() == page.locator("[data-message]").count()
    table.get_by_role("link", name="INVITE").first.click()
    expect(page.locator("#panel h2")).to_contain_text("INVITE")


def test_downloads(page: Page, call: dict[str, Any], tmp_path: Path):
    opened(page, call)
    for button, suffix, begins in (
        ("Capture (pcap, both sides)", ".pcap", b"\xa1\xb2\xc3\xd4"),
        ("Text, with every change", ".txt", b"Call outbound"),
        ("Picture of the ladder (SVG)", ".svg", b"<svg"),
    ):
        page.locator("details.menu").evaluate("menu => menu.open = true")
        with page.expect_download() as download:
            page.get_by_role("button", name=button).click()
        assert download.value.suggested_filename.endswith(suffix)
        path = tmp_path / f"taken{suffix}"
        download.value.save_as(path)
        assert path.read_bytes().startswith(begins)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_page_is_accessible_and_fits(page: Page, call: dict[str, Any], theme: str, width: int, tmp_path: Path):
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]  # one of two words
    page.set_viewport_size({"width": width, "height": 900})
    opened(page, call)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    folder = Path(os.environ.get("PINHOLE_SCREENSHOTS", tmp_path))
    name = f"call{'' if width > 360 else '-phone'}{'' if theme == 'light' else '-dark'}.png"
    page.screenshot(path=folder / name, animations="disabled", full_page=width == 360)
    assert violations(page) == []
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#panel ins").first).to_be_visible()
    assert page.evaluate("document.getElementById('panel').getBoundingClientRect().top") == 0
    page.screenshot(path=folder / name.replace("call", "call-message"), animations="disabled")
    assert violations(page) == []


DRAWN = """async ([call, messages, streams]) => {
  const loaded = performance.getEntriesByType('resource').map(entry => entry.name);
  const {Ladder} = await import(loaded.find(name => /ladder[^/]*[.]js/.test(name)));
  const config = JSON.parse(document.getElementById('call-config').textContent);
  const svg = document.querySelector('[data-part="lines"]').cloneNode();
  const box = document.querySelector('[data-part="ladder"]');
  box.append(svg);
  const ladder = new Ladder(svg, document.querySelector('[data-part="lanes"]').cloneNode(), config);
  const dashed = getComputedStyle;
  const read = (options) => {
    ladder.draw(call, messages, streams, {...options, now: Date.now() / 1000});
    return ladder.entries.map(entry => ({
      id: entry.dataset.message,
      text: [...entry.querySelectorAll('text')].map(node => node.textContent),
      spoken: entry.getAttribute('aria-label'),
      dashed: dashed(entry.querySelector('.wire')).strokeDasharray !== 'none',
    }));
  };
  const told = [read({delta: false, repeats: false}), read({delta: true, repeats: true})];
  const bars = [...svg.querySelectorAll('.bar-text')].map(node => node.textContent);
  svg.remove();
  return [...told, bars];
}"""


def test_ladder_says_repetitions_order_descriptions_and_answers_in_words(
    page: Page, lab: RunningLab, call: dict[str, Any]
):
    """Of messages that no telephone here can be made to send: the clock runs backwards among them."""
    opened(page, call)
    kept = lab.get(f"calls/{call['id']}/messages")["items"]
    invite = next(row for row in kept if row["method"] == "INVITE" and not row["status"])
    at = invite["t"]
    messages = [
        invite | {"id": "m1", "t": at + 5, "sdp": True, "changes": 7},
        invite | {"id": "m2", "t": at + 6, "repeats": "m1"},
        invite | {"id": "m3", "t": at + 7, "repeats": "m1"},
        invite | {"id": "m4", "t": at + 8, "repeats": "m1"},
        invite | {"id": "m10", "t": at, "status": 486, "phrase": "", "sdp": False, "side": "external", "changes": 0},
        invite | {"id": "m9", "t": at + 9, "status": 403, "phrase": "", "sdp": False, "sent_to": "", "answered": 403},
    ]
    stream = next(
        row for row in lab.get("pinholes")["items"] if row["call"] == call["id"] and row["component"] == "rtp"
    )
    streams = [
        stream
        | {"closed": None, "active_in": True, "active_out": False, "packets_out": 0, "packets_in": 12_345}
        | {"silent_in": [], "silent_out": []}
    ]
    brief, whole, bars = page.evaluate(DRAWN, [call, messages, streams])
    assert [row["id"] for row in brief] == ["m1", "m2", "m9", "m10"], "by number, never by the clock"
    assert [row["id"] for row in whole] == ["m1", "m2", "m3", "m4", "m9", "m10"]
    first, repeated, refused, busy = brief
    assert not first["dashed"]
    assert "INVITESDP" in first["text"]
    assert any("7 changes" in text for text in first["text"])
    assert repeated["dashed"]
    assert any("×3" in text for text in repeated["text"])
    assert "sent 3 times" in repeated["spoken"]
    assert any("486 busy" in text for text in busy["text"])
    assert "unchanged" in busy["text"]
    assert any("403 from the firewall" in text for text in refused["text"])
    assert whole[1]["text"][0].startswith("+1.000"), "since the message before"
    assert [text for text in bars if "12,345" in text and "flows" in text]
    assert [text for text in bars if "no packets" in text]


INVITES_BACK = f"ip daddr {topology.APPLIANCE_OUTSIDE} meta l4proto udp @th,64,48 0x494e56495445 udp dport set 9"
"""The provider's INVITEs to us go astray; it repeats them, so that they come when they may."""


def test_other_leg_comes_while_the_page_is_open_and_stands_in_its_ladder_where_one_wants_it(
    page: Page, lab: RunningLab
):
    """A telephone calls another one inside by way of the provider, whose proxy keeps the Call-ID."""
    before = {row["id"] for row in lab.get("calls")["items"]}

    def leg(direction: str) -> dict[str, Any] | None:
        found = (row for row in lab.get("calls")["items"] if row["id"] not in before)
        return next((row for row in found if row["direction"] == direction), None)

    legs = page.get_by_label("Show it in this ladder")
    entries = page.locator(".ladder [data-message]")
    with ThreadPoolExecutor(1) as caller:
        control = calls.control(peers.PHONES[0])
        with misled(lab, "wan", INVITES_BACK):
            dialled = caller.submit(calls.dial, control, peers.PHONES[1].user, 30)
            row = until(lambda: leg("outbound"), 20)
            assert row
            page.goto(f"/calls/{row['id']}/")
            expect(entries.first).to_be_visible()
            expect(legs).to_have_count(0)
        with dialled.result():
            expect(legs).to_have_count(1, timeout=20_000)
            back = leg("inbound")
            assert back
            assert back["call_id"] == row["call_id"]
            expect(page.get_by_role("navigation", name="Other legs of this call")).to_contain_text(back["internal"])
            legs.check()
            other = page.locator(f'.ladder [data-message^="{back["id"]}/"]')
            expect(other.first).to_be_visible()
            ids = [entry.get_attribute("data-message") or "" for entry in entries.all()]
            numbers = {
                kind: [int(each.rpartition("m")[2]) for each in ids if ("/" in each) == kind] for kind in (False, True)
            }
            assert all(found == sorted(found) for found in numbers.values())
            assert ids.index("m1") < ids.index(f"{back['id']}/m1") < ids.index(f"m{numbers[False][-1]}")
            expect(other.first).to_contain_text(topology.PHONES[1])
            other.first.focus()
            page.keyboard.press("Enter")
            expect(page.locator("#panel .message")).to_have_attribute("data-call", back["id"])
            expect(other.first).to_have_class(re.compile("is-selected"))
            page.keyboard.press("Escape")
            legs.uncheck()
            expect(other).to_have_count(0)


def test_message_is_not_drawn_anew_under_a_pointer_that_presses_it_while_packets_are_counted(
    page: Page, call: dict[str, Any]
):
    opened(page, call)
    packets = page.locator(".ladder .bar-text").first
    first = page.locator(".ladder [data-message]").first
    first.hover()
    page.mouse.down()
    before = packets.text_content() or ""
    expect(packets).not_to_have_text(before, timeout=20_000)
    page.mouse.up()
    expect(page.locator("#panel h2")).to_contain_text("INVITE", timeout=20_000)


def test_names_of_the_lanes_stay_in_sight(page: Page, call: dict[str, Any]):
    page.set_viewport_size({"width": 1280, "height": 520})
    opened(page, call)
    lanes = page.locator('[data-part="lanes"]')
    for name in ("Phone system", "Firewall inside", "Firewall outside", "Media proxy"):
        expect(lanes).to_contain_text(name)
    expect(lanes).to_contain_text(call["provider"])
    page.locator("[data-message]").last.scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 100
    expect(lanes).to_be_in_viewport(ratio=1)


LONG_CALL = """async ([call, messages]) => {
  const loaded = performance.getEntriesByType('resource').map(entry => entry.name);
  const url = loaded.find(name => /ladder[^/]*[.]js/.test(name));
  const {Ladder} = await import(url);
  const config = JSON.parse(document.getElementById('call-config').textContent);
  const svg = document.querySelector('[data-part="lines"]').cloneNode();
  document.querySelector('[data-part="ladder"]').append(svg);
  const head = document.querySelector('[data-part="lanes"]').cloneNode();
  const began = performance.now();
  const ladder = new Ladder(svg, head, config);
  ladder.draw(call, messages, [], {delta: false, repeats: true, now: Date.now() / 1000});
  svg.getBoundingClientRect();
  return [performance.now() - began, ladder.entries.length];
}"""
LADDER_BUDGET = 300  # ms for 60 messages: console reference 3.11


def test_ladder_of_sixty_messages_is_drawn_in_time(page: Page, lab: RunningLab, call: dict[str, Any]):
    opened(page, call)
    kept = lab.get(f"calls/{call['id']}/messages")["items"]
    messages = [kept[number % len(kept)] | {"id": f"m{number + 1}", "repeats": ""} for number in range(60)]
    took, drawn = page.evaluate(LONG_CALL, [call, messages])
    assert drawn == 60
    assert took < LADDER_BUDGET, f"{took:.0f} ms"


def test_history_is_accessible_and_finds_the_call(page: Page, lab: RunningLab):
    with lab.place_call() as placed:
        row = until(lambda: lab.call_row(placed), 20)
        assert row
    until(lambda: lab.get(f"calls/history?q={row['call_id']}")["count"], 20)
    page.goto("/calls/history/")
    assert violations(page) == []
    page.get_by_label("Numbers, phone, provider").fill(row["call_id"])
    expect(page.locator("tr[data-id]")).to_have_count(1)
    expect(page.locator("tr[data-id]")).to_contain_text("hung up")
