# SPDX-License-Identifier: GPL-2.0-or-later
"""Snapshot plus deltas are a fresh snapshot; and what a dead or hung Redis does to it: nothing."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from redis.asyncio import Redis

from sipalg_core.contract.names import live_channel
from sipalg_core.io.faults import Faults
from sipalg_core.io.publisher import Publisher
from tests import pace


class Rows:
    """What the publisher asks of an engine."""

    def __init__(self):
        self.topics = {"calls": {}, "pinholes": {}, "registrations": {}, "health": {}}

    def rows(self, topic, now):
        return list(self.topics[topic].values())

    def row(self, topic, ident, now):
        return self.topics[topic].get(ident)


@pytest.fixture
def redis(run_dir) -> Iterator[subprocess.Popen[bytes]]:
    path = run_dir / "redis.sock"
    process = subprocess.Popen(
        ("redis-server", "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", str(run_dir)),
        stdout=subprocess.DEVNULL,
    )
    while not path.exists():
        assert process.poll() is None
        time.sleep(0.01)
    yield process
    process.send_signal(signal.SIGCONT)
    process.terminate()
    process.wait()


@pytest.fixture
async def publisher(run_dir):
    made = Publisher(Rows(), run_dir / "redis.sock", Faults(Counter()))
    yield made
    await made.close()


def change(publisher: Publisher, topic: str, ident: str, row: dict | None) -> None:
    if row is None:
        publisher._engine.topics[topic].pop(ident, None)
    else:
        publisher._engine.topics[topic][ident] = {"id": ident, **row}
    publisher.changed(topic, ident)


async def test_a_snapshot_and_its_deltas_are_a_fresh_snapshot(publisher):
    change(publisher, "calls", "a", {"state": "setup"})
    snapshot = publisher.snapshot("calls")
    copy, seq = {row["id"]: row for row in snapshot["rows"]}, snapshot["seq"]
    for step in range(4):
        change(publisher, "calls", "a", {"state": "in_call", "step": step})
        change(publisher, "calls", f"b{step}", {"state": "setup"})
        change(publisher, "calls", f"b{step - 1}", None)
        (delta,) = publisher.deltas()
        assert delta["seq"] == (seq := seq + 1)
        for op in delta["ops"]:
            if op["op"] == "put":
                copy[op["row"]["id"]] = op["row"]
            else:
                copy.pop(op["id"], None)
    fresh = publisher.snapshot("calls")
    assert (list(copy.values()), seq) == (fresh["rows"], fresh["seq"])


async def test_many_changes_of_a_row_are_one(publisher):
    for _ in range(100):
        change(publisher, "calls", "a", {})
    change(publisher, "pinholes", "1", {})
    assert [(each["topic"], len(each["ops"])) for each in publisher.deltas()] == [("calls", 1), ("pinholes", 1)]
    assert publisher.deltas() == []


async def test_deltas_arrive_over_redis(publisher, redis, run_dir):
    async with Redis(unix_socket_path=str(run_dir / "redis.sock")) as client, client.pubsub() as channel:
        await channel.subscribe(live_channel())
        await channel.get_message(timeout=2)
        task = asyncio.create_task(publisher.run())
        change(publisher, "calls", "a", {"state": "setup"})
        message = await channel.get_message(timeout=2)
        task.cancel()
    assert json.loads(message["data"])["ops"] == [{"op": "put", "row": {"id": "a", "state": "setup"}}]


@pytest.mark.parametrize("fault", ["down", "hung"])
async def test_numbers_go_on_without_redis_and_so_does_everything_else(publisher, redis, fault):
    redis.send_signal(signal.SIGSTOP if fault == "hung" else signal.SIGKILL)
    if fault == "down":
        redis.wait()
    before = publisher.snapshot("calls")["seq"]
    task = asyncio.create_task(publisher.run())
    change(publisher, "calls", "a", {})
    slowest = 0.0
    for _ in range(60):
        start = time.monotonic()
        await asyncio.sleep(0.01)
        slowest = max(slowest, time.monotonic() - start)
    assert slowest < 0.2 * pace.of_clock()  # a call that waited for Redis would take all of its timeout
    assert publisher.snapshot("calls")["seq"] == before + 1
    assert publisher._faults.counts["error:publish"] == 1
    task.cancel()
