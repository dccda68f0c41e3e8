# SPDX-License-Identifier: GPL-2.0-or-later
"""What people see of the engine's state: one function for each kind of row of the live topics."""

from __future__ import annotations

from sipalg_core.alg.calls import Call, Hole
from sipalg_core.alg.registrations import Registration
from sipalg_core.contract.events import Audio, CallRow, PinholeRow, RegistrationRow


def call_row(call: Call, wall: float) -> CallRow:
    """`wall`: Unix time minus our monotonic time."""
    holes = call.holes()
    audio = [hole for hole in holes if hole.is_audio]
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
        "reason": call.reason,
        "codec": call.codec,
        "audio_in": _audio(call.packets_in, [(hole.packets_in, hole.active_in) for hole in audio]),
        "audio_out": _audio(call.packets_out, [(hole.packets_out, hole.active_out) for hole in audio]),
        "pinholes": len(holes),
    }


def _audio(before: int, streams: list[tuple[int, bool]]) -> Audio:
    return {"packets": before + sum(packets for packets, _ in streams), "active": any(active for _, active in streams)}


def pinhole_row(hole: Hole, wall: float) -> PinholeRow:
    pinhole = hole.pinhole
    draining = not hole.call.alive
    any_port = pinhole.external.port == 0
    return {
        "id": str(pinhole.id),
        "call": hole.call.id,
        "kind": "draining" if draining else "gate" if hole.gate else "exact",
        "component": hole.component,
        "media": hole.kind,
        "internal": str(pinhole.internal),
        "mapped": str(pinhole.mapped),
        "external": f"{pinhole.external.host}:*" if any_port else str(pinhole.external),
        "opened": hole.opened + wall,
        "expires": (hole.call.deadline if draining else hole.last_packet + pinhole.lifetime) + wall,
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
    }
