# SPDX-License-Identifier: GPL-2.0-or-later
"""Taking from Redis what netadmin has measured of media, once."""

from __future__ import annotations

import json
import logging
from typing import Any, Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from appliance.kernel.media_runs import MediaRun
from sipalg_core.contract import names

log = logging.getLogger(__name__)

MOST: Final = 5000


def take_runs(node: str = names.NODE) -> list[MediaRun]:
    """The oldest first; [] as well where Redis is away."""
    client = redis.Redis(
        unix_socket_path=str(names.redis_socket()), socket_timeout=settings.REDIS_TIMEOUT,
        socket_connect_timeout=settings.REDIS_TIMEOUT, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    try:
        taken: Any = client.lpop(names.media_runs(node), MOST)
    except (redis.RedisError, OSError) as error:
        log.warning("figures of media were not taken: %s", error)
        return []
    finally:
        client.close()
    return [json.loads(each) for each in taken or ()]
