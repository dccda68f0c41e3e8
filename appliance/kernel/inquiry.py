# SPDX-License-Identifier: GPL-2.0-or-later
"""How other processes ask netadmin something that only the firewall's namespace knows, and get the answer.

The question goes the way of every task (queue `netadmin.<node>`), the answer into a list in Redis that lives for a
minute and that the asker waits for. There is no result backend; nobody waits longer than `timeout`.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from appliance import redis_socket
from appliance.celery import app
from sipalg_core.contract import names

log = logging.getLogger(__name__)

TASK: Final = "appliance.system.tasks.answer"
PATIENCE: Final = 3.0
"""Seconds: netadmin does one thing at a time, and an apply takes one and a half."""
_KEPT: Final = 60


class NetadminUnavailable(Exception):
    """Nobody answered, or Redis is away; the message says what that means."""


def ask(question: str, timeout: float = PATIENCE, node: str = names.NODE, **arguments: Any) -> Any:
    """The answer as plain JSON values; raise NetadminUnavailable, or ValidationError as the other side did."""
    reply_to = f"pinhole:{node}:reply:{uuid.uuid4().hex}"
    client = redis_socket.client(timeout + redis_socket.PATIENCE)
    try:
        app.send_task(TASK, (question, arguments, reply_to), queue=names.netadmin_queue(node), expires=timeout)
        answer: Any = client.blpop([reply_to], timeout)
    except (OperationalError, redis.RedisError, OSError) as error:
        log.warning("netadmin was not asked for %s: %s", question, error)
        raise NetadminUnavailable(
            _("The job queue (Redis) does not answer. The rules and calls are as before.")
        ) from error
    finally:
        client.close()
    if answer is None:
        raise NetadminUnavailable(
            _("The process that applies rules does not answer. The rules and calls are as before.")
        )
    told = json.loads(answer[1])
    if "fields" in told:
        raise ValidationError(told["fields"])
    if "error" in told:
        raise NetadminUnavailable(told["error"])
    return told["value"]


@contextmanager
def kept(refusal: str) -> Iterator[redis.Redis]:
    """Redis, for what netadmin keeps there; raise NetadminUnavailable with these words where it does not answer."""
    client = redis_socket.client()
    try:
        yield client
    except (redis.RedisError, OSError) as error:
        raise NetadminUnavailable(refusal) from error
    finally:
        client.close()


def reply(reply_to: str, told: dict[str, Any]) -> None:
    """`{"value": …}`, `{"error": text}` or `{"fields": {…}}`. Nobody may be waiting any more."""
    client = redis_socket.client()
    try:
        with client.pipeline() as pipeline:
            pipeline.rpush(reply_to, json.dumps(told))
            pipeline.expire(reply_to, _KEPT)
            pipeline.execute()
    except (redis.RedisError, OSError) as error:
        log.warning("an answer was not delivered: %s", error)
    finally:
        client.close()
