# SPDX-License-Identifier: GPL-2.0-or-later
"""Live topics: collects changes, publishes numbered deltas. Redis down or hung changes nothing for the calls."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import defaultdict
from pathlib import Path
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from sipalg_core.alg.engine import Engine
from sipalg_core.contract import names
from sipalg_core.contract.events import TOPICS, Delete, Delta, Put, Snapshot, Topic
from sipalg_core.io.faults import Faults

log = logging.getLogger(__name__)

INTERVAL: Final = 0.25  # seconds: at most four messages a topic and second
_TIMEOUT: Final = 0.2  # seconds; redis-py waits for ever by default


class Publisher:
    """A delta is numbered whether Redis takes it or not: who misses one sees the gap and asks for a snapshot."""

    def __init__(self, engine: Engine, redis_socket: Path, faults: Faults) -> None:
        self._engine = engine
        self._faults = faults
        self._redis = Redis(
            unix_socket_path=str(redis_socket),
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        self._reached = True
        self._changed: defaultdict[Topic, dict[str, None]] = defaultdict(dict)
        start = int(time.time() * 1000)  # no two lives of the engine share a number
        self._seq: dict[Topic, int] = dict.fromkeys(TOPICS, start)

    def changed(self, topic: Topic, ident: str) -> None:
        self._changed[topic][ident] = None

    def snapshot(self, topic: Topic) -> Snapshot:
        rows = self._engine.rows(topic, time.monotonic())
        return Snapshot(topic=topic, seq=self._seq[topic], kind="snapshot", t=time.time(), rows=rows, node=names.NODE)

    def deltas(self) -> list[Delta]:
        """What changed since the last time, at most one delta a topic."""
        changed, self._changed = self._changed, defaultdict(dict)
        return [self._delta(topic, list(idents)) for topic, idents in changed.items()]

    async def run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            with self._faults.caught("publishing"):
                for delta in self.deltas():
                    await self._publish(json.dumps(delta, separators=(",", ":")))

    async def close(self) -> None:
        await self._redis.aclose()

    def _delta(self, topic: Topic, idents: list[str]) -> Delta:
        now = time.monotonic()
        self._seq[topic] += 1
        ops: list[Put | Delete] = []
        for ident in idents:
            row = self._engine.row(topic, ident, now)
            ops.append(Delete(op="del", id=ident) if row is None else Put(op="put", row=row))
        return Delta(topic=topic, seq=self._seq[topic], kind="delta", t=time.time(), ops=ops, node=names.NODE)

    async def _publish(self, message: str) -> None:
        try:
            await self._redis.publish(names.live_channel(), message)
        except (RedisError, OSError, TimeoutError) as error:
            self._faults.counts["error:publish"] += 1
            if self._reached:
                log.warning("redis: %s; live views stand still, calls do not", error)
            self._reached = False
        else:
            if not self._reached:
                log.info("redis is back")
            self._reached = True
