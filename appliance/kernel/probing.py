# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin starts tests: each a process in the firewall's namespace that has lost every capability before it begins."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from typing import Any, Final

import redis
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from appliance import redis_socket
from appliance.probes.results import ENDED, KEPT, LONGEST, Said, job_key, said
from sipalg_core.contract import names

log = logging.getLogger(__name__)

# --- Implementation constants ---

AT_ONCE: Final = 3
_POWERLESS: Final = ("setpriv", "--ambient-caps=-all", "--inh-caps=-all", "--no-new-privs", "--")
"""Without ambient and inheritable capabilities, and with no way to new ones, the next program has none (setpriv(1))."""

_GRACE: Final = 5
"""Seconds that a test has to end beyond its time."""
_TIMEOUT: Final = 0.5  # s; Redis is on this machine

_running: list[subprocess.Popen[bytes]] = []


def start(job: str, asked: dict[str, Any]) -> dict[str, bool]:
    """Answers at once; the results come into Redis."""
    _running[:] = [each for each in _running if each.poll() is None]
    if len(_running) >= AT_ONCE:
        raise ValidationError({"kind": [_("%d tests are running. Wait until one has ended.") % AT_ONCE]})
    command = (*_POWERLESS, sys.executable, "-m", "appliance.probes", job, json.dumps(asked))
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=quiet, stdout=quiet, start_new_session=True)
    _running.append(process)
    threading.Thread(target=see_it_end, args=(job, process), name="test", daemon=True).start()
    return {"started": True}


def see_it_end(job: str, process: subprocess.Popen[bytes]) -> None:
    """Say that it is over where the process could not: it was killed, or hangs and is killed for it."""
    try:
        process.wait(LONGEST + _GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    client, key = redis_socket.client(_TIMEOUT), job_key(job, names.NODE)
    try:
        last: Any = client.lindex(key, -1)
        if last is None or json.loads(last)["code"] != ENDED:
            died: tuple[Said, ...] = (said("died", "error"), said(ENDED))
            client.rpush(key, *map(json.dumps, died))
            client.expire(key, KEPT)
    except (redis.RedisError, OSError):
        log.warning("how test %s ended is not told", job)
