# SPDX-License-Identifier: GPL-2.0-or-later
"""Which policy is in force at a time: SIP rules end, and a revision that nobody keeps is not the one any more.

Engine and broker find that out by themselves, with netadmin dead: the policy file holds what was kept, a file beside
the sockets what is on trial and until when. A reboot ends a trial, as in the kernel: its file is gone.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from sipalg_core.contract.policy import AlgPolicy, PolicyError, dump, load, read


class Running(NamedTuple):
    """`until` is when to look again, in monotonic seconds; None where nothing ends by itself."""

    policy: AlgPolicy
    until: float | None


def dump_trial(policy: AlgPolicy, ends: float) -> bytes:
    """`ends` in monotonic seconds."""
    return json.dumps({"ends": ends, "policy": json.loads(dump(policy))}, indent=1).encode()


def load_trial(text: bytes) -> tuple[AlgPolicy, float]:
    """Raise PolicyError."""
    try:
        plain = json.loads(text)
        ends = float(plain["ends"])
        return load(json.dumps(plain["policy"]).encode()), ends
    except PolicyError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise PolicyError(f"trial: {error!r}") from error


def running(policy_file: Path, trial_file: Path) -> Running:
    """What is in force now. Raise PolicyError."""
    now = time.monotonic()
    trial = _trial(trial_file)
    if trial is not None and now < trial[1]:
        return in_force(trial[0], time.time(), now, trial[1])
    return in_force(read(policy_file), time.time(), now)


def in_force(policy: AlgPolicy, wall: float, now: float, until: float | None = None) -> Running:
    """Without the rules that have ended; `wall` in Unix seconds, `now` and `until` in monotonic ones."""
    over = tuple(each for each in policy.peerings if each.until is not None and each.until <= wall)
    lasting = tuple(each for each in policy.peerings if each not in over)
    ends = [now + each.until - wall for each in lasting if each.until is not None]
    ends += [until] if until is not None else []
    enabled = policy.enabled and bool(lasting)
    current = replace(policy, enabled=enabled, peerings=lasting, ended=(*policy.ended, *over)) if over else policy
    return Running(current, min(ends, default=None))


def _trial(path: Path) -> tuple[AlgPolicy, float] | None:
    try:
        return load_trial(path.read_bytes())
    except FileNotFoundError:
        return None
