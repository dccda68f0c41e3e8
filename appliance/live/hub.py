# SPDX-License-Identifier: GPL-2.0-or-later
"""The one listener of a web process: copies the live topics from the engine and fans them out to its viewers.

Source of the deltas is Redis; while Redis is silent, the engine's own socket, once a second. Nobody waits for either.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, Literal

from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import DatabaseError
from redis import asyncio as redis
from redis.asyncio.client import PubSub

from appliance.live.control import EngineUnavailable, ask_engine, engine_snapshot
from appliance.live.feed import Feed, Message
from appliance.live.lookout import Lookout, is_looked_at
from appliance.live.overheard import LOG, Overheard
from appliance.live.subscription import POLL_INTERVAL, subscribed
from sipalg_core.contract import names
from sipalg_core.contract.events import TOPICS

log = logging.getLogger(__name__)

# --- Implementation constants ---

JOBS: Final = "jobs"
FLUSH_INTERVAL: Final = 0.25  # s; at most 4 messages a second and topic (console reference 3.7)
SNAPSHOT_TIMEOUT: Final = 3.0  # s; thousands of rows take the engine longer than a page would wait
DELAYED: Final = 1000  # numbers; one that lags by more is of another life of the engine, by a clock that was set back
SILENCE: Final = 2.0  # s without even a pong: Redis hangs
HIDDEN_INTERVAL: Final = 5.0  # s between two messages to a page in a tab that nobody sees (console reference 3.7)
LONGEST_QUEUE: Final = 64  # messages; a viewer that is this slow starts again from snapshots
JOBS_SHOWN: Final = 20
_HEARD: Final = 1.0  # s in which a task ends that has heard that it shall

State = Literal["live", "delayed", "engine_down"]


class Viewer:
    """One browser's share: what it asked for, and what it has not taken yet."""

    def __init__(self) -> None:
        self.topics: set[str] = set()
        self.hidden = False
        self.stale: dict[str, None] = {}  # topics that went on while nobody saw the page, the oldest first
        self.messages: asyncio.Queue[Message] = asyncio.Queue()

    def restart(self, messages: Iterable[Message]) -> None:
        while not self.messages.empty():
            self.messages.get_nowait()
        for message in messages:
            self.messages.put_nowait(message)


class Hub:
    """Runs while somebody looks. All methods belong to one event loop."""

    def __init__(self) -> None:
        self.feeds = {topic: Feed(topic) for topic in (*TOPICS, JOBS, LOG)}
        self._overheard = Overheard(self.feeds[LOG], lambda: self._dirty.set())
        self._lookout = Lookout(lambda: self._dirty.set())
        self._seen: dict[str, int] = {}  # the engine's own numbering
        self._viewers: set[Viewer] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: asyncio.Task[None] | None = None
        self._redis_answers = self._engine_answers = True
        self._state: State = "live"
        self._since = time.time()

    def join(self) -> Viewer:
        viewer = Viewer()
        self._viewers.add(viewer)
        if not self._tasks:
            self._ready = asyncio.Event()
            self._dirty = asyncio.Event()
            followers = (
                self._follow_engine(), self._follow_jobs(), self._flush_often(), self._remind_often(),
                self._overheard.follow(self._log_is_wanted),
            )  # fmt: skip
            self._tasks = [asyncio.create_task(follower) for follower in followers]
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        self._lookout.keep(topic for each in self._viewers for topic in each.topics)
        if not self._viewers and self._tasks:
            for task in self._tasks:
                task.cancel()
            self._ending = asyncio.create_task(_ended(self._tasks))
            self._tasks = []

    def knows(self, topic: str) -> bool:
        return topic in self.feeds or is_looked_at(topic)

    async def subscribe(self, viewer: Viewer, topic: str) -> None:
        """Queue the topic's snapshot, and from then on its deltas; raise KeyError for a topic that there is not.

        A call's topic is there while few enough are looked at.
        """
        await self._ready.wait()
        feed = await self._lookout.look(topic) if is_looked_at(topic) else self.feeds[topic]
        if feed is None or viewer not in self._viewers:
            raise KeyError(topic)
        if not viewer.topics:
            viewer.messages.put_nowait(self._state_message())
        viewer.topics.add(topic)
        viewer.messages.put_nowait(feed.snapshot(time.time()))

    def look_away(self, viewer: Viewer, hidden: bool) -> None:
        """A hidden page gets a word now and then; one that is seen again gets at once what it missed."""
        viewer.hidden = hidden
        while not hidden and viewer.stale:
            self._catch_up(viewer)

    # --- Towards the viewers ---

    async def _flush_often(self) -> None:
        await self._ready.wait()
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            self._flush()
            await asyncio.sleep(FLUSH_INTERVAL)

    async def _remind_often(self) -> None:
        while True:
            await asyncio.sleep(HIDDEN_INTERVAL)
            for viewer in self._viewers:
                if viewer.hidden and viewer.stale:
                    self._catch_up(viewer)

    def _catch_up(self, viewer: Viewer) -> None:
        """One topic, as a snapshot: what was not told in between need never be."""
        topic = next(iter(viewer.stale))
        del viewer.stale[topic]
        if feed := (self.feeds | self._lookout.feeds).get(topic):
            viewer.messages.put_nowait(feed.snapshot(time.time()))

    def _flush(self) -> None:
        for feed in (*self.feeds.values(), *self._lookout.feeds.values()):
            message = feed.delta(time.time()) if feed.dirty else None
            if message:
                self._send(message, [viewer for viewer in self._viewers if feed.topic in viewer.topics])

    def _send(self, message: Message, viewers: Iterable[Viewer]) -> None:
        for viewer in viewers:
            if viewer.hidden and message["kind"] == "delta":
                viewer.stale[message["topic"]] = None
            elif viewer.messages.qsize() < LONGEST_QUEUE:
                viewer.messages.put_nowait(message)
            else:
                feeds = self.feeds | self._lookout.feeds
                snapshots = [feeds[topic].snapshot(time.time()) for topic in sorted(viewer.topics) if topic in feeds]
                viewer.restart([self._state_message(), *snapshots])

    def _judge(self, *, redis_answers: bool | None = None, engine_answers: bool | None = None) -> None:
        """Note who answers, and tell the viewers where that changes what they see."""
        self._redis_answers = self._redis_answers if redis_answers is None else redis_answers
        self._engine_answers = self._engine_answers if engine_answers is None else engine_answers
        state: State = (
            "engine_down" if not self._engine_answers else "live" if self._redis_answers else "delayed"
        )  # fmt: skip
        if state != self._state:
            self._state, self._since = state, time.time()
            self._send(self._state_message(), self._viewers)

    def _state_message(self) -> Message:
        return {"topic": "live", "kind": "state", "state": self._state, "since": self._since}

    def _log_is_wanted(self) -> bool:
        return any(LOG in viewer.topics for viewer in self._viewers)

    # --- From the engine ---

    async def _follow_engine(self) -> None:
        while True:
            try:
                async with subscribed(names.live_channel()) as subscription:
                    await self._load_all()
                    self._judge(redis_answers=True)
                    await self._read(subscription)
            except (redis.RedisError, OSError):
                self._judge(redis_answers=False)
                await self._load_all()
                await asyncio.sleep(POLL_INTERVAL)

    async def _read(self, subscription: PubSub) -> None:
        """Until Redis fails or falls silent."""
        heard = time.monotonic()
        while True:
            message = await subscription.get_message(timeout=POLL_INTERVAL)
            if message is not None:
                heard = time.monotonic()
            elif time.monotonic() - heard > SILENCE:
                raise redis.TimeoutError("Redis does not answer a ping")
            else:
                await subscription.ping()
                await self._check_engine()
            if message is not None and message["type"] == "message":
                try:
                    await self._take(json.loads(message["data"]))
                except (ValueError, KeyError, TypeError) as error:
                    log.warning("%s carries what is no delta: %r", names.live_channel(), error)
                    await self._load_all()

    async def _take(self, delta: Message) -> None:
        topic = delta["topic"]
        seen = self._seen.get(topic, 0)
        if seen - DELAYED < delta["seq"] <= seen and self._engine_answers:
            return  # on its way while a snapshot was taken that has it
        if delta["seq"] != seen + 1 or not self._engine_answers:
            await self._load_all() if not self._engine_answers else await self._load(topic)
            return
        self._seen[topic] = delta["seq"]
        self.feeds[topic].apply(delta["ops"])
        self._dirty.set()

    async def _check_engine(self) -> None:
        try:
            await asyncio.to_thread(ask_engine, {"op": "ping"})
        except EngineUnavailable:
            self._judge(engine_answers=False)
        else:
            if not self._engine_answers:
                await self._load_all()

    async def _load_all(self) -> None:
        for topic in TOPICS:
            if not await self._load(topic):
                break
        if not self._ready.is_set():
            await self._load_jobs()
            self._flush()
            self._ready.set()

    async def _load(self, topic: Any) -> bool:
        """Take the engine's word for the whole topic; what the viewers hold stays where it does not answer."""
        try:
            snapshot = await asyncio.to_thread(engine_snapshot, topic, SNAPSHOT_TIMEOUT)
        except EngineUnavailable:
            self._judge(engine_answers=False)
            return False
        self._seen[topic] = snapshot["seq"]
        self.feeds[topic].replace(snapshot["rows"])  # type: ignore[arg-type]  # rows are JSON objects
        self._dirty.set()
        self._judge(engine_answers=True)
        return True

    # --- From netadmin ---

    async def _follow_jobs(self) -> None:
        """The channel layer says at once what the database would say a little later."""
        while True:
            try:
                layer: Any = get_channel_layer()
                channel = await layer.new_channel()
                await layer.group_add(JOBS, channel)
                await self._load_jobs()
                while True:
                    event = await layer.receive(channel)
                    self._put_job(event["row"])
                    self._dirty.set()
            except (redis.RedisError, OSError):
                await self._load_jobs()
                await asyncio.sleep(POLL_INTERVAL)

    def _put_job(self, row: dict[str, Any]) -> None:
        if row.get("gone"):
            self.feeds[JOBS].delete(row["id"])
        else:
            self.feeds[JOBS].put(row)

    async def _load_jobs(self) -> None:
        with suppress(DatabaseError):  # the next round tries again
            self.feeds[JOBS].replace(await database_sync_to_async(_job_rows)())
            self._dirty.set()


async def _ended(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel them until they hear: redis-py loses a cancellation where a message comes at the same moment."""
    while deaf := [task for task in tasks if not task.done()]:
        await asyncio.wait(deaf, timeout=_HEARD)
        for task in deaf:
            task.cancel()


def _job_rows() -> list[dict[str, Any]]:
    from appliance.system.queries import job_row, revisions  # models exist only once Django is set up

    return [job_row(revision) for revision in revisions()[:JOBS_SHOWN]]


hub = Hub()
"""This process's."""
