# SPDX-License-Identifier: GPL-2.0-or-later
"""The listener of a web process: what it makes of the engine's numbers."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from appliance.live import hub as module
from appliance.live.hub import Hub, Viewer


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The topics of which the engine was asked for all; its numbers stand at 10."""
    topics: list[str] = []

    def snapshot(topic: str, _timeout: float) -> dict[str, Any]:
        topics.append(topic)
        return {"topic": topic, "seq": 10, "kind": "snapshot", "t": 0.0, "rows": [{"id": "a"}]}

    monkeypatch.setattr(module, "engine_snapshot", snapshot)
    return topics


@pytest.fixture
async def hub(asked: list[str]) -> Hub:
    made = Hub()
    made._dirty = module.asyncio.Event()
    assert await made._load("calls")
    asked.clear()
    return made


def delta(seq: int, ident: str) -> dict[str, Any]:
    return {"topic": "calls", "seq": seq, "kind": "delta", "t": 0.0, "ops": [{"op": "put", "row": {"id": ident}}]}


def held(hub: Hub) -> set[str]:
    hub.feeds["calls"].delta(0.0)
    return {row["id"] for row in hub.feeds["calls"].snapshot(0.0)["rows"]}


async def test_what_the_snapshot_has_already_is_no_gap(hub: Hub, asked: list[str]):
    for seq in (9, 10):
        await hub._take(delta(seq, "b"))
    await hub._take(delta(11, "c"))
    assert (asked, held(hub)) == ([], {"a", "c"})


async def test_gap_asks_the_engine_for_all(hub: Hub, asked: list[str]):
    await hub._take(delta(12, "b"))
    assert asked == ["calls"]


async def test_numbers_far_below_are_another_engines(hub: Hub, asked: list[str]):
    hub._seen["calls"] = 1_000_000
    await hub._take(delta(10, "b"))
    assert asked == ["calls"]


async def test_hidden_page_gets_a_snapshot_now_and_then_and_all_when_it_is_seen_again(hub: Hub, monkeypatch: Any):
    monkeypatch.setattr(module, "HIDDEN_INTERVAL", 0.01)
    viewer = Viewer()
    viewer.topics = {"calls", "pinholes"}
    hub._viewers.add(viewer)
    hub._flush()
    assert viewer.messages.get_nowait()["kind"] == "delta"
    hub.look_away(viewer, True)
    for ident in ("b", "c"):
        for topic in ("calls", "pinholes"):
            hub.feeds[topic].put({"id": ident})  # type: ignore[index]
            hub._flush()
    assert viewer.messages.empty()
    reminding = module.asyncio.create_task(hub._remind_often())
    word = await module.asyncio.wait_for(viewer.messages.get(), 20)
    reminding.cancel()
    assert (word["kind"], word["topic"], {row["id"] for row in word["rows"]}) == ("snapshot", "calls", {"a", "b", "c"})
    hub.look_away(viewer, False)
    left = [viewer.messages.get_nowait() for _each in range(viewer.messages.qsize())]
    assert [(each["kind"], each["topic"]) for each in left] == [("snapshot", "pinholes")]
    hub.feeds["calls"].put({"id": "d"})
    hub._flush()
    assert (following := viewer.messages.get_nowait())["kind"] == "delta"
    assert following["seq"] == word["seq"] + 1


async def test_whatever_changes_a_topic_says_four_words_a_second_at_most(hub: Hub):
    viewer = Viewer()
    viewer.topics = {"calls"}
    hub._viewers.add(viewer)
    hub._ready = module.asyncio.Event()
    hub._ready.set()
    flushing = module.asyncio.create_task(hub._flush_often())
    began = time.monotonic()
    for number in range(40):
        hub.feeds["calls"].put({"id": f"call {number}"})
        hub._dirty.set()
        await module.asyncio.sleep(0.02)
    lasted = time.monotonic() - began
    await module.asyncio.sleep(2 * module.FLUSH_INTERVAL)
    flushing.cancel()
    told = [viewer.messages.get_nowait() for _each in range(viewer.messages.qsize())]
    assert len(told) <= (lasted + 2 * module.FLUSH_INTERVAL) * 4 + 1
    assert len({op["row"]["id"] for each in told for op in each["ops"]}) == 41, "nothing is left out"
    assert [each["seq"] for each in told] == list(range(1, len(told) + 1))


async def test_follower_that_loses_its_cancellation_is_told_again(hub: Hub, monkeypatch: pytest.MonkeyPatch):
    """Else two would follow once somebody looks again, and more with each page."""
    monkeypatch.setattr(module, "_HEARD", 0.01)
    heard: list[str] = []

    async def deaf() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                heard.append("once more" if heard else "lost")
                if len(heard) == 2:
                    raise

    viewer = Viewer()
    hub._viewers.add(viewer)
    follower = asyncio.create_task(deaf())
    hub._tasks = [follower]
    await asyncio.sleep(0)
    hub.leave(viewer)
    await asyncio.wait({follower}, timeout=30)
    assert follower.cancelled()
    assert heard == ["lost", "once more"]
    assert hub._ending is not None
    await asyncio.wait_for(hub._ending, 30)
