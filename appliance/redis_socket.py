# SPDX-License-Identifier: GPL-2.0-or-later
"""Redis on this machine's socket, for who asks it directly: one try, and nobody waits for long. Knows no Django."""

from __future__ import annotations

from typing import Final

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sipalg_core.contract import names

PATIENCE: Final = 2.0
"""Seconds that anybody waits for Redis before saying so."""


def client(timeout: float = PATIENCE) -> redis.Redis:
    """`timeout` in seconds, for an answer; a connection is there within `PATIENCE` or not at all."""
    return redis.Redis(
        unix_socket_path=str(names.redis_socket()), socket_timeout=timeout,
        socket_connect_timeout=min(timeout, PATIENCE), retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
