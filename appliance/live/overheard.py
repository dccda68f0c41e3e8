# SPDX-License-Identifier: GPL-2.0-or-later
"""The topic `log`: a copy of the last lines that netadmin keeps in Redis, followed only while somebody looks."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from redis import RedisError

from appliance.live.feed import Feed
from appliance.live.subscription import POLL_INTERVAL, client, subscribed
from sipalg_core.contract import names

log = logging.getLogger(__name__)

# --- Implementation constants ---

LOG: Final = "log"
SHOWN: Final = 500
"""Lines that a browser has; the older ones are there for REST and for search."""
_GLANCE: Final = 0.25  # s between two looks whether anybody wants it


class Overheard:
    def __init__(self, feed: Feed, changed: Callable[[], None]) -> None:
        self._feed, self._changed = feed, changed
        self._ids: deque[str] = deque()

    async def follow(self, wanted: Callable[[], bool]) -> None:
        while True:
            if wanted():
                with suppress(RedisError, OSError):
                    await self._listen(wanted)
            await asyncio.sleep(_GLANCE)

    async def _listen(self, wanted: Callable[[], bool]) -> None:
        async with subscribed(names.log_channel()) as subscription:
            await self._load()
            while wanted():
                message = await subscription.get_message(timeout=POLL_INTERVAL)
                if message is not None and message["type"] == "message":
                    self._take(json.loads(message["data"]))

    async def _load(self) -> None:
        connection = client()
        try:
            kept: Any = await connection.lrange(names.log_lines(), -SHOWN, -1)
        finally:
            await connection.aclose()
        lines = [json.loads(each) for each in kept]
        self._ids = deque(line["id"] for line in lines)
        self._feed.replace(lines)
        self._changed()

    def _take(self, lines: list[dict[str, Any]]) -> None:
        for line in lines:
            if line["id"] in self._ids:  # it came while the others were loaded
                continue
            self._feed.put(line)
            self._ids.append(line["id"])
        while len(self._ids) > SHOWN:
            self._feed.delete(self._ids.popleft())
        self._changed()
