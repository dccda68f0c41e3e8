# SPDX-License-Identifier: GPL-2.0-or-later
"""The listener of a web process: what it makes of the engine's numbers."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.live import hub as module
from appliance.live.hub import Hub


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
