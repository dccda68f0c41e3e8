# SPDX-License-Identifier: GPL-2.0-or-later
"""The live topic `jobs`: what takes longer than a moment says how far it is, to every browser at once.

Nobody waits for it: where Redis is away a job goes on untold, and its page says how it ended.
"""

from __future__ import annotations

import logging
import time
from types import TracebackType
from typing import Any, Final, Self

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

TOPIC: Final = "jobs"
PAUSE: Final = 0.2
"""Seconds between two words of one job: the topic tells four a second."""
LONGEST_ID: Final = 40
_LETTERS: Final = frozenset("0123456789abcdefghijklmnopqrstuvwxyz-")


def announce(row: dict[str, Any]) -> bool:
    """Whether it was told. A row is known by its `id`; one with `gone` is forgotten."""
    layer: Any = get_channel_layer()
    try:
        async_to_sync(layer.group_send)(TOPIC, {"type": "live.event", "topic": TOPIC, "t": time.time(), "row": row})
    except (RedisError, OSError) as error:
        log.warning("job %s was not announced: %s", row["id"], error)
        return False
    return True


class Job:
    """One piece of work, told while its context lasts: `with Job("restore", ident) as job: … job(done, of)`.

    `ident` is what the page that waits calls it by; without one nobody listens, and nothing is told.
    """

    def __init__(self, kind: str, ident: str) -> None:
        known = 0 < len(ident) <= LONGEST_ID and _LETTERS.issuperset(ident)
        self._row: dict[str, Any] = {"id": f"job:{ident}" if known else "", "kind": kind}
        self._told = 0.0

    def __call__(self, done: int, of: int) -> None:
        """`of` 0: nobody knows how much there is."""
        now = time.monotonic()
        if self._row["id"] and (now - self._told >= PAUSE or done == of):
            self._told = now
            self._tell({"done": done, "of": of})

    def __enter__(self) -> Self:
        self._tell({"done": 0, "of": 0})
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tell({"gone": True})

    def _tell(self, more: dict[str, Any]) -> None:
        if self._row["id"] and not announce(self._row | more):
            self._row["id"] = ""  # one wait for a Redis that is away is enough
