# SPDX-License-Identifier: GPL-2.0-or-later
"""Every opening there was of late: who asked for it, by which message and which line of it, and why it closed.

What is open now is asked of `pinholes`; here is what is closed, as plain tuples, and how both are shown.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final

from sipalg_core.alg.calls import Call, Hole
from sipalg_core.alg.silences import told, told_of_open
from sipalg_core.contract.events import ClosedBecause, MediaRow, OpeningRow
from sipalg_core.net import Endpoint

# --- Implementation constants ---
MAX_CLOSED: Final = 5_000

_Closed = tuple[Hole, str, str, str, str, str, float, ClosedBecause]
"""The hole, of its call: id, Call-ID, provider, rule, internal party; when and why."""


class Openings:
    """The closed ones, the oldest forgotten first."""

    def __init__(self) -> None:
        self._closed: deque[_Closed] = deque(maxlen=MAX_CLOSED)

    def closed(self, hole: Hole, call: Call, now: float, why: ClosedBecause) -> None:
        call_id = call.call_id.decode("utf-8", "replace")
        peering = call.peering
        self._closed.append((hole, call.id, call_id, peering.name, peering.rule, str(call.internal), now, why))

    def resumed(self, hole: Hole) -> None:
        """It did not close after all."""
        self._closed = deque((each for each in self._closed if each[0] is not hole), MAX_CLOSED)

    def rows(self, wall: float, call: str = "", most: int = MAX_CLOSED) -> list[OpeningRow]:
        """The youngest first, so many of them; of one call only where its id is given."""
        return [
            _row(hole, ident, call_id, provider, rule, party, wall) | {"closed": at + wall, "why": why}
            for hole, ident, call_id, provider, rule, party, at, why in islice(reversed(self._closed), most)
            if not call or ident == call
        ]


def open_row(hole: Hole, call: Call, counted: float, wall: float) -> OpeningRow:
    """One that has not closed yet; `counted`: when the kernel was last asked for its packets."""
    call_id = call.call_id.decode("utf-8", "replace")
    row = _row(hole, call.id, call_id, call.peering.name, call.peering.rule, str(call.internal), wall)
    row["silent_in"] = told_of_open(hole, call, counted, wall, inward=True)
    row["silent_out"] = told_of_open(hole, call, counted, wall, inward=False)
    return row


def media_rows(call: Call, wall: float) -> list[MediaRow]:
    """What a call that is over has carried; it went on for as long as the call did."""
    return [
        {
            "external": written(hole.pinhole.external),
            "opened": hole.opened + wall,
            "closed": (hole.closed if call.ended is None else min(hole.closed, call.ended)) + wall,
            "packets_in": hole.packets_in,
            "packets_out": hole.packets_out,
            "silent_in": told(hole.silent_in, wall),
            "silent_out": told(hole.silent_out, wall),
        }
        for hole in call.carried
    ]


def _row(hole: Hole, ident: str, call_id: str, provider: str, rule: str, party: str, wall: float) -> OpeningRow:
    pinhole = hole.pinhole
    return {
        "id": str(pinhole.id),
        "call": ident,
        "call_id": call_id,
        "party": party,
        "provider": provider,
        "rule": rule,
        "kind": "gate" if hole.gate else "learnt" if hole.learnt else "exact",
        "instead_of": written(hole.instead_of) if hole.instead_of else "",
        "media": hole.kind,
        "component": hole.component,
        "line": hole.line,
        "internal": written(pinhole.internal),
        "mapped": str(pinhole.mapped),
        "external": written(pinhole.external),
        "opened": hole.opened + wall,
        "opened_by": hole.opened_by,
        "opened_from": hole.opened_from,
        "closed": None,
        "why": "",
        "packets_in": hole.packets_in,
        "packets_out": hole.packets_out,
        "active_in": hole.active_in,
        "active_out": hole.active_out,
        "silent_in": told(hole.silent_in, wall),
        "silent_out": told(hole.silent_out, wall),
        "held": hole.held,
    }


def written(endpoint: Endpoint) -> str:
    """Port 0 stands for any, or for the one that only the kernel knows."""
    return str(endpoint) if endpoint.port else f"{endpoint.host}:*"
