# SPDX-License-Identifier: GPL-2.0-or-later
"""/ws/live/: a browser subscribes to topics and gets snapshots and numbered deltas (contract.events). Read-only."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any, Final, cast

from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.db import DatabaseError

from appliance import veil
from appliance.accounts.queries import permits
from appliance.audit.services import origin, record_list, record_view
from appliance.gate import may_watch
from appliance.live.access import Identify
from appliance.live.hub import Viewer, hub
from appliance.live.lookout import ASKED
from sipalg_core.contract.events import CALL_TOPIC

# --- Implementation constants ---

LONGEST_MESSAGE: Final = 16 * 1024  # octets from a client
IDENTITY_INTERVAL: Final = 2.0  # s; a sign-out closes the socket within 5 s, on a busy machine as well
UNAUTHENTICATED: Final = 4401
TOO_BIG: Final = 1009  # RFC 6455 §7.4.1


class LiveConsumer(AsyncJsonWebsocketConsumer):
    channel_layer_alias = "none"  # the hub listens for all consumers; without Redis this one must go on

    viewer: Viewer | None = None

    async def connect(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        origin.set((self.scope.get("client") or ("",))[0])
        self._numbers = False  # until it is known that he may see them whole
        await self.accept()
        self._identify: Identify = cast(Any, self.scope)["identify"]  # LiveAccess put it there
        if await self._identify() is None:
            await self.close(code=UNAUTHENTICATED)
            return
        self.viewer = hub.join()
        self._tasks = [asyncio.create_task(self._deliver(self.viewer)), asyncio.create_task(self._watch_identity())]

    async def disconnect(self, _code: int) -> None:
        for task in self._tasks:
            task.cancel()
        if self.viewer is not None:
            hub.leave(self.viewer)
            self.viewer = None

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None, **_options: Any) -> None:
        if len(text_data or bytes_data or "") > LONGEST_MESSAGE:
            await self.close(code=TOO_BIG)
            return
        try:
            content = json.loads(text_data or "")
        except ValueError:
            content = None
        if isinstance(content, dict) and self.viewer is not None:
            await self.receive_json(content)
        elif self.viewer is not None:
            await self.send_json({"error": 'Send one JSON object, such as {"subscribe": ["calls"]}.', "topic": None})

    async def receive_json(self, content: dict[str, Any], **_options: Any) -> None:
        """`{"subscribe": [topic, …]}`, `{"resync": topic}` after a gap, or `{"hidden": true}` from a hidden tab."""
        if isinstance(content.get("hidden"), bool) and self.viewer is not None:
            hub.look_away(self.viewer, content["hidden"])
            return
        asked = content.get("subscribe", content.get("resync"))
        topics = asked if isinstance(asked, list) else [asked]
        for topic in topics[: len(hub.feeds) + len(ASKED)]:
            if self.viewer is None:
                return
            if isinstance(topic, str) and hub.knows(topic):
                await self._subscribe(topic)
            else:
                known = ", ".join((*hub.feeds, *ASKED, "call:<id>"))
                await self.send_json({"error": f"There is no such topic. Choose from: {known}.", "topic": topic})

    async def _subscribe(self, topic: str) -> None:
        if not await self._may_watch({topic}):
            await self.send_json({"error": "You may not see this topic.", "topic": topic})
        elif self.viewer is not None:
            try:
                await hub.subscribe(self.viewer, topic)
                await self._note(topic)
            except KeyError:
                await self.send_json({"error": "Too many calls are looked at. Close some pages.", "topic": topic})

    async def _note(self, topic: str) -> None:
        """Looking at calls is written down, by whichever way one looks."""
        user = await self._identify()
        if user is not None and topic == "calls":
            await database_sync_to_async(record_list)(actor=user, what="live calls")
        elif user is not None and topic.startswith(CALL_TOPIC):
            await database_sync_to_async(record_view)(actor=user, what=f"call {topic.removeprefix(CALL_TOPIC)}")

    async def _may_watch(self, topics: set[str]) -> bool:
        user = await self._identify()
        if user is None or not await database_sync_to_async(may_watch)(user, topics):
            return False
        whole = await database_sync_to_async(permits)(user, "calls.numbers")
        if self.viewer is not None and whole != self._numbers:
            self._numbers = whole
            for topic in list(self.viewer.topics):
                await hub.subscribe(self.viewer, topic)  # what he has seen until now was otherwise
        return True

    async def _deliver(self, viewer: Viewer) -> None:
        while True:
            message = await viewer.messages.get()
            await self.send_json(message if self._numbers else veil.rows(message))

    async def _watch_identity(self) -> None:
        """Who cannot be identified any more, or may not see all that he watches, does not go on watching."""
        with suppress(DatabaseError):
            while self.viewer is not None and await self._may_watch(self.viewer.topics):
                await asyncio.sleep(IDENTITY_INTERVAL)
        await self.close(code=UNAUTHENTICATED)
