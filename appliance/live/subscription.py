# SPDX-License-Identifier: GPL-2.0-or-later
"""A web process's own ear at one channel of Redis, that never waits for a Redis that hangs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from redis import asyncio as redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from sipalg_core.contract import names

# --- Implementation constants ---

POLL_INTERVAL: Final = 1.0  # s; how often others are asked while Redis is away or quiet, and the longest wait for it


def client() -> redis.Redis:
    return redis.Redis(
        unix_socket_path=str(names.redis_socket()),
        socket_timeout=POLL_INTERVAL,
        socket_connect_timeout=POLL_INTERVAL,
        retry=Retry(NoBackoff(), 0),
    )


@asynccontextmanager
async def subscribed(channel: str) -> AsyncIterator[PubSub]:
    connection = client()
    subscription = connection.pubsub(ignore_subscribe_messages=True)
    try:
        await subscription.subscribe(channel)
        yield subscription
    finally:
        with suppress(redis.RedisError, OSError):
            await subscription.aclose()  # type: ignore[no-untyped-call]  # redis-py's own
            await connection.aclose()
