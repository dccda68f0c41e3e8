# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test or a capture has said so far, out of Redis."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from appliance.kernel.capturing import capture_key
from appliance.kernel.inquiry import kept
from appliance.probes.results import ENDED, Said, job_key
from sipalg_core.contract import names


class Told(NamedTuple):
    results: list[Said]
    ended: bool


def told(job: str, node: str = names.NODE) -> Told:
    """Nothing where nothing was said yet or it is too long ago; raise NetadminUnavailable."""
    with kept(_refusal()) as client:
        listed: Any = client.lrange(job_key(job, node), 0, -1)
    results: list[Said] = [json.loads(each) for each in listed]
    return Told([each for each in results if each["code"] != ENDED], any(each["code"] == ENDED for each in results))


def captured(job: str) -> bytes | None:
    with kept(_refusal()) as client:
        found: Any = client.get(capture_key(job))
    return found  # type: ignore[no-any-return]  # octets, or None


def _refusal() -> str:
    return _("The job queue (Redis) does not answer. The rules and calls are as before.")
