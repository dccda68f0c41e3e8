# SPDX-License-Identifier: GPL-2.0-or-later
"""Topics that exist only while somebody looks: `call:<id>`, `closed`, `counters`, `transactions`, asked of the engine.

The engine publishes nothing of them: what nobody looks at costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

from appliance.live.control import EngineUnavailable, engine_items
from appliance.live.feed import Feed
from sipalg_core.contract.events import CALL_TOPIC

# --- Implementation constants ---

LOOK_INTERVAL: Final = 0.5  # s; the engine itself counts packets no more often
MOST_LOOKED_AT: Final = 100
"""Calls at a time in one web process."""
LONGEST_ID: Final = 64
ASKED: Final = ("closed", "counters", "transactions")
"""Topics whose name is the question (contract.control)."""


def is_looked_at(topic: str) -> bool:
    """Whether there can be such a topic."""
    return topic in ASKED or is_call_topic(topic)


def is_call_topic(topic: str) -> bool:
    ident = topic.removeprefix(CALL_TOPIC)
    return topic != ident and 0 < len(ident) <= LONGEST_ID and ident.isascii() and ident.replace("-", "").isalnum()


class Lookout:
    """All methods belong to one event loop; `changed` is called when a feed has something to tell."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.feeds: dict[str, Feed] = {}
        self._changed = changed
        self._task: asyncio.Task[None] | None = None

    async def look(self, topic: str) -> Feed | None:
        """The topic's feed, loaded; None where too many are looked at already."""
        feed = self.feeds.get(topic)
        if feed is None:
            if len(self.feeds) >= MOST_LOOKED_AT and topic not in ASKED:
                return None
            feed = self.feeds[topic] = Feed(topic)
            await self._load(feed)
            feed.delta(0)  # nobody has a snapshot yet: the first one holds it all
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        return feed

    def keep(self, topics: Iterable[str]) -> None:
        """Look at no others any longer."""
        wanted = set(topics)
        for topic in [topic for topic in self.feeds if topic not in wanted]:
            del self.feeds[topic]
        if not self.feeds and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_INTERVAL)
            for feed in list(self.feeds.values()):
                await self._load(feed)

    async def _load(self, feed: Feed) -> None:
        """A call that the engine has forgotten stays as it was seen last."""
        asked = feed.topic in ASKED
        question = {"op": feed.topic} if asked else {"op": "call", "call": feed.topic.removeprefix(CALL_TOPIC)}
        try:
            rows = await asyncio.to_thread(engine_items, **question)
        except EngineUnavailable:
            return  # the hub says so
        if rows or asked:
            feed.replace(rows)
        if feed.dirty:
            self._changed()
