# SPDX-License-Identifier: GPL-2.0-or-later
"""What people see of the engine's state: one function for each kind of row of the live topics."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable

from sipalg_core.alg.calls import Call
from sipalg_core.alg.dialogs import Dialogs
from sipalg_core.alg.ledger import written
from sipalg_core.alg.pinholes import Entry
from sipalg_core.alg.registrations import Registration, Registrations, advice
from sipalg_core.alg.tallies import Tallies
from sipalg_core.contract.events import Audio, CallRow, HealthRow, PinholeRow, RegistrationRow, Row, Topic
from sipalg_core.contract.policy import AlgPolicy


def call_row(call: Call, wall: float) -> CallRow:
    """`wall`: Unix time minus our monotonic time."""
    holes = call.holes()
    audio = [hole for hole in holes if hole.is_audio]
    verdict = call.warning or call.verdict
    return {
        "id": call.id,
        "call_id": call.call_id.decode("utf-8", "replace"),
        "direction": call.direction,
        "from_uri": call.from_uri,
        "to_uri": call.to_uri,
        "internal": str(call.internal),
        "provider": call.peering.name,
        "rule": call.peering.rule,
        "state": call.state,
        "since": call.since + wall,
        "answered": None if call.answered is None else call.answered + wall,
        "ended": None if call.ended is None else call.ended + wall,
        "reason": str(call.ending or ""),
        "ending": call.ending.row() if call.ending else None,
        "warning": str(call.warning or ""),
        "verdict": verdict.row() if verdict else None,
        "spiral": call.spiral,
        "shadow": call.shadow,
        "codec": call.codec,
        "audio_in": _audio(call.packets_in, [(hole.packets_in, hole.active_in) for hole in audio]),
        "audio_out": _audio(call.packets_out, [(hole.packets_out, hole.active_out) for hole in audio]),
        "pinholes": len(holes),
    }


def _audio(before: int, streams: list[tuple[int, bool]]) -> Audio:
    return {"packets": before + sum(packets for packets, _ in streams), "active": any(active for _, active in streams)}


def pinhole_row(entry: Entry, wall: float) -> PinholeRow:
    hole, call = entry
    pinhole = hole.pinhole
    draining = not call.alive
    return {
        "id": str(pinhole.id),
        "call": call.id,
        "shadow": hole.shadow,
        "kind": "shadow"
        if hole.shadow
        else "draining"
        if draining
        else "gate"
        if hole.gate
        else "held"
        if hole.held
        else "learnt"
        if hole.learnt
        else "exact",
        "component": hole.component,
        "media": hole.kind,
        "internal": written(pinhole.internal),
        "mapped": str(pinhole.mapped),
        "external": written(pinhole.external),
        "instead_of": written(hole.instead_of) if hole.instead_of else "",
        "opened": hole.opened + wall,
        "expires": (call.deadline if draining else hole.last_packet + pinhole.lifetime) + wall,
        "packets_in": hole.packets_in,
        "packets_out": hole.packets_out,
    }


def registration_row(registration: Registration, wall: float) -> RegistrationRow:
    return {
        "id": registration.id,
        "aor": registration.aor,
        "contact": registration.contact,
        "mapped": registration.mapped,
        "internal": str(registration.internal),
        "registrar": str(registration.registrar),
        "provider": registration.peering.name,
        "state": registration.state,
        "registered": registration.registered + wall,
        "asked": registration.asked,
        "granted": registration.granted,
        "expires": registration.registered + registration.granted + wall,
        "status": registration.status,
        "warning": registration.warning,
        "advice": advice(registration).row() if registration.warning else None,
    }


class Health:
    """How the engine is: its one row, made when it is asked for."""

    def __init__(
        self, policy: AlgPolicy, dialogs: Dialogs, registrations: Registrations, tallies: Tallies,
        counts: Counts[str], wall: float,
    ) -> None:  # fmt: skip
        self.policy = policy
        self._dialogs, self._registrations, self._tallies = dialogs, registrations, tallies
        self._counts, self._wall = counts, wall
        self._started = -1.0

    def row(self, now: float) -> HealthRow:
        if self._started < 0:
            self._started = now
        return {
            "id": "engine",
            "since": self._started + self._wall,
            "revision": self.policy.revision,
            "enabled": self.policy.enabled,
            "calls": sum(call.alive for call in self._dialogs.table),
            "registrations": sum(known.state == "registered" for known in self._registrations.values()),
            "pinholes": len(self._dialogs.negotiation.ledger),
            "counters": dict(self._counts),
            "peers": self._tallies.rows(self.policy),
        }


class Rows:
    """The live topics of one engine: all rows, or one."""

    def __init__(
        self, dialogs: Dialogs, registrations: Registrations, health: Callable[[float], HealthRow], wall: float
    ) -> None:
        self._dialogs = dialogs
        self._registrations = registrations
        self._health = health
        self._wall = wall

    def all(self, topic: Topic, now: float) -> list[Row]:
        match topic:
            case "calls":
                return [call_row(call, self._wall) for call in self._dialogs.table]
            case "pinholes":
                return [pinhole_row(entry, self._wall) for entry in self._dialogs.negotiation.ledger]
            case "registrations":
                return [registration_row(known, self._wall) for known in self._registrations.values()]
            case "health":
                return [self._health(now)]

    def one(self, topic: Topic, ident: str, now: float) -> Row | None:
        """The row as it is now, or None where it is gone."""
        match topic:
            case "calls":
                call = self._dialogs.table.get(ident)
                return call_row(call, self._wall) if call else None
            case "pinholes":
                entry = self._dialogs.negotiation.ledger.get(int(ident))
                return pinhole_row(entry, self._wall) if entry else None
            case "registrations":
                known = self._registrations.get(ident)
                return registration_row(known, self._wall) if known else None
            case "health":
                return self._health(now)
