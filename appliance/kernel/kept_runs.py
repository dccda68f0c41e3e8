# SPDX-License-Identifier: GPL-2.0-or-later
"""Taking from Redis what netadmin has measured of media, once."""

from __future__ import annotations

import json
import logging
from typing import Any, Final

import redis

from appliance import redis_socket
from appliance.kernel.media_runs import MediaRun
from sipalg_core.contract import names

log = logging.getLogger(__name__)

MOST: Final = 5000


def take_runs(node: str = names.NODE) -> list[MediaRun]:
    """The oldest first; [] as well where Redis is away."""
    client = redis_socket.client()
    try:
        taken: Any = client.lpop(names.media_runs(node), MOST)
    except (redis.RedisError, OSError) as error:
        log.warning("figures of media were not taken: %s", error)
        return []
    finally:
        client.close()
    return [json.loads(each) for each in taken or ()]
