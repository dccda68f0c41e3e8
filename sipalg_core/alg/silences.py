# SPDX-License-Identifier: GPL-2.0-or-later
"""When one direction of a stream was silent, found from the kernel's counts: bounded, and never more than is certain.

Between two counts that are alike no packet came. What was while nobody counted, before the answer or after the hang-up
is no silence.
"""

from __future__ import annotations

from typing import Final

from sipalg_core.alg.calls import Call, Hole, Silence
from sipalg_core.contract.events import SilenceRow

# --- Implementation constants ---
SHORTEST: Final = 1.0
"""Seconds; what is shorter may be two packets that were late."""
MOST: Final = 20
"""Of one direction of one opening; of more the longest are kept."""


def over(hole: Hole, call: Call, counted: float, *, inward: bool) -> None:
    """Note the silence of this direction that has ended; `counted` is the last count that saw no packet of it."""
    silence = _lasting(hole, call, counted, inward=inward)
    if silence is None:
        return
    known = hole.silent_in if inward else hole.silent_out
    if known and known[-1].since == silence.since:  # of an opening that was closed and did not stay so
        known.pop()
    known.append(silence)
    if len(known) > MOST:
        known.remove(min(known, key=lambda each: each.until - each.since))


def told(known: list[Silence], wall: float) -> list[SilenceRow]:
    """Those that are over."""
    return [{"since": each.since + wall, "until": each.until + wall} for each in known]


def told_of_open(hole: Hole, call: Call, counted: float, wall: float, *, inward: bool) -> list[SilenceRow]:
    """With the one that lasts: it has no end while the call goes on."""
    rows = told(hole.silent_in if inward else hole.silent_out, wall)
    silence = None if (hole.active_in if inward else hole.active_out) else _lasting(hole, call, counted, inward=inward)
    if silence is not None:
        rows.append({"since": silence.since + wall, "until": None if call.alive else silence.until + wall})
    return rows


def _lasting(hole: Hole, call: Call, counted: float, *, inward: bool) -> Silence | None:
    """From the last packet, or else the answer or the opening, to the last count. None where it is no silence."""
    if call.answered is None or hole.component == "rtcp" or hole.kind == "image":  # a fax and reports come in bursts
        return None
    if hole.shadow:  # nobody counts what passes beside us
        return None
    since = max(hole.last_in if inward else hole.last_out, hole.opened, call.answered)
    until = counted if call.ended is None else min(counted, call.ended)
    return Silence(since, until) if until - since >= SHORTEST else None
