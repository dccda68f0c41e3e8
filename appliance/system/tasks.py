# SPDX-License-Identifier: GPL-2.0-or-later
"""Celery's side of a revision: `apply_revision` on netadmin's queue, `reconcile` for beat. All may run twice."""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from redis.exceptions import RedisError

from appliance.celery import app
from appliance.ruleset import policy as ruleset
from appliance.ruleset.apply import ApplyRefused, apply
from appliance.ruleset.verify import verify
from appliance.system import services
from appliance.system.models import Revision
from appliance.system.queries import job_row
from sipalg_core.nft.client import Client, NftError

log = logging.getLogger(__name__)


@app.task(name="appliance.system.tasks.apply_revision")
def apply_revision(revision_id: int) -> None:
    revision = services.begin(revision_id=revision_id)
    if revision is None:
        return
    announce(revision)
    policy = ruleset.load(revision.policy)
    errors = [finding.text for finding in verify(policy) if finding.level == "error"]
    try:
        if errors:
            raise ApplyRefused(" ".join(errors) + " Nothing was changed.")
        services.complete(revision=revision, result=apply(policy, _kernel()))
    except (ApplyRefused, NftError) as error:
        services.fail(revision=revision, error=str(error))
    announce(revision)


@app.task(name="appliance.system.tasks.reconcile")
def reconcile() -> None:
    for revision in services.fail_stuck():
        announce(revision)


def announce(revision: Revision) -> None:
    """Tell the browsers; nobody waits for it, and a page that missed it reads the row."""
    layer: Any = get_channel_layer()
    event = {"type": "live.event", "topic": "jobs", "t": time.time(), "row": job_row(revision)}
    try:
        async_to_sync(layer.group_send)("jobs", event)
    except (RedisError, OSError) as error:
        log.warning("revision %s was not announced: %s", revision.number, error)


@cache
def _kernel() -> Client:
    """One libnftables context per process: netadmin runs one task at a time."""
    return Client()
