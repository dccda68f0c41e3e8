# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test or a capture has said so far, out of Redis."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import redis
from django.conf import settings
from django.utils.translation import gettext as _
from redis.backoff import NoBackoff
from redis.retry import Retry

from appliance.kernel.capturing import capture_key
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.probes.results import ENDED, Said, job_key
from sipalg_core.contract import names


class Told(NamedTuple):
    results: list[Said]
    ended: bool


def told(job: str, node: str = names.NODE) -> Told:
    """Nothing where nothing was said yet or it is too long ago; raise NetadminUnavailable."""
    results: list[Said] = [json.loads(each) for each in _ask("lrange", job_key(job, node), 0, -1)]
    return Told([each for each in results if each["code"] != ENDED], any(each["code"] == ENDED for each in results))


def captured(job: str) -> bytes | None:
    found: bytes | None = _ask("get", capture_key(job))
    return found


def _ask(command: str, *arguments: Any) -> Any:
    client = redis.Redis(
        unix_socket_path=str(names.redis_socket()), socket_timeout=settings.REDIS_TIMEOUT,
        socket_connect_timeout=settings.REDIS_TIMEOUT, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    try:
        return getattr(client, command)(*arguments)
    except (redis.RedisError, OSError) as error:
        raise NetadminUnavailable(
            _("The job queue (Redis) does not answer. The rules and calls are as before.")
        ) from error
    finally:
        client.close()
