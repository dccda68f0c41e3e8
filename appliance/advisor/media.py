# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of what the audio of calls does: ports that run out, silence, and what is normal and only looks wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appliance.advisor.evidence import Evidence
from appliance.advisor.finding import Finding, Fix, moment
from appliance.ruleset.compile import compile_alg
from sipalg_core.contract.events import OpeningRow
from sipalg_core.contract.policy import PortRange

PORTS_USED_UP: Final = ("media-ports-of-host", "media-ports")
"""Reasons of the engine for a 503 where no pair of ports was to be had (sipalg_core.alg.ports)."""
PORT_SETTINGS: Final = ("policy.media_ports", "limits.ports_per_host")
SILENCE_SETTING: Final = "timers.inactive_media"
LONGEST_SILENCE: Final = 2550  # s, of the setting
LOWEST_PORT: Final = 10_000
"""Of a wider range: below lie the ports of services."""
LATELY: Final = 24 * 3600.0
NAMED: Final = 3
"""Calls and streams that are evidence; there may be thousands."""


def early_packets(evidence: Evidence) -> Iterator[Finding]:
    """A13: packets that came while their call was set up, before its pinhole was exact. While calls are in sight."""
    engine = evidence.engine
    dropped = engine.health["counters"].get("strays:external", 0) if engine else 0
    answered = [row for row in engine.calls if row["answered"]] if engine else []
    if dropped and answered:
        last = max(answered, key=lambda row: row["answered"] or 0.0)
        yield Finding(
            "A13", "strays",
            ngettext(
                "%d packet of media came before its opening. That is normal at the start of a call.",
                "%d packets of media came before their opening. That is normal at the start of a call.", dropped,
            ) % dropped,
            _("A provider may send before the phone system has answered. They are dropped until then, and never "
              "counted as an attack."),
            (
                _("%(packets)d packets since the engine started, %(moment)s.")
                % {"packets": dropped, "moment": moment(engine.health["since"] if engine else 0.0)},
                _("The last call was answered %(moment)s: %(call)s.")
                % {"call": last["call_id"], "moment": moment(last["answered"] or 0.0)},
            ),
            (Fix(_("Show the call"), page="sip:calls_one", argument=last["id"]),),
        )  # fmt: skip


def ports_used_up(evidence: Evidence) -> Iterator[Finding]:
    """Of calls that were refused since the ports are what they are."""
    since = max(evidence.settled.get(path, 0.0) for path in PORT_SETTINGS)
    refused = [each for each in evidence.refused if each.reason in PORTS_USED_UP and each.at > since]
    if not refused:
        return
    ports = compile_alg(evidence.policy).media_ports
    pairs = (ports.last - ports.first + 1) // 2
    used = {row["mapped"] for row in _openings(evidence) if row["closed"] is None and row["component"] == "rtp"}
    yield Finding(
        "A17", "ports",
        ngettext(
            "The range of media ports was used up: %d call was refused.",
            "The range of media ports was used up: %d calls were refused.", len(refused),
        ) % len(refused),
        _("Each audio stream takes two consecutive ports. A call for which there is no pair is answered with 503."),
        (
            _("%(used)d of %(pairs)d pairs of %(first)d-%(last)d are in use now.")
            % {"used": len(used), "pairs": pairs, "first": ports.first, "last": ports.last},
            *(_("%(moment)s: a call of %(phone)s was refused, %(reason)s.")
              % {"moment": moment(each.at), "phone": each.internal, "reason": each.reason}
              for each in refused[-NAMED:]),
        ),
        (*_wider(ports), Fix(_("Show the settings"), page="alg:settings")),
    )  # fmt: skip


def _wider(ports: PortRange) -> Iterator[Fix]:
    """Twice as many, downwards: above may lie the ports of signalling."""
    first = max(2 * ports.first - ports.last - 1, LOWEST_PORT)
    if first < ports.first:
        wider = f"{first}-{ports.last}"
        label = _("Widen the range to %s (as a draft)") % wider
        yield Fix(label, "set", argument=PORT_SETTINGS[0], value=wider)


def media_elsewhere(evidence: Evidence) -> Iterator[Finding]:
    """A18: an answered call without any opening of ours."""
    for call in evidence.engine.calls if evidence.engine else ():
        opened = call["pinholes"] or any(row["call"] == call["id"] for row in _openings(evidence))
        if call["state"] == "in_call" and not opened and not call["shadow"]:
            yield Finding(
                "A18", call["id"],
                _("Media of the call from %(a)s to %(b)s does not pass here.")
                % {"a": _user(call["from_uri"]), "b": _user(call["to_uri"])},
                _("Both parties send media to each other directly, as when a call is forwarded from outside to "
                  "outside. Nothing has to be opened for it."),
                (_("Call %(call)s, answered %(moment)s.")
                 % {"call": call["call_id"], "moment": moment(call["answered"] or 0.0)},),
                (Fix(_("Show the call"), page="sip:calls_one", argument=call["id"]),),
            )  # fmt: skip


def silent(evidence: Evidence) -> Iterator[Finding]:
    """A19: since the timer is what it is."""
    since = max(evidence.at - LATELY, evidence.settled.get(SILENCE_SETTING, 0.0))
    quiet = [
        row for row in _openings(evidence)
        if row["why"] == "silent" and row["kind"] == "exact" and row["component"] == "rtp"
        and row["closed"] is not None and row["closed"] > since
    ]  # fmt: skip
    if quiet:
        timer = int(compile_alg(evidence.policy).timers.inactive_media)
        longer = min(2 * timer, LONGEST_SILENCE)
        yield Finding(
            "A19", "media",
            ngettext(
                "%(streams)d audio stream was closed after %(timer)d s without a packet from either side.",
                "%(streams)d audio streams were closed after %(timer)d s without a packet from either side.",
                len(quiet),
            ) % {"streams": len(quiet), "timer": timer},
            _("After the inactive media timeout without a packet an opening closes; the call itself stays. Change the "
              "timer only if your calls are silent for longer on purpose."),
            tuple(f"{moment(row['closed'] or 0.0)}: {row['internal']} ⇄ {row['external']}" for row in quiet[-NAMED:]),
            (
                Fix(_("Wait for %d s (as a draft)") % longer, "set", argument=SILENCE_SETTING, value=longer),
                Fix(_("Show the settings"), page="alg:settings"),
            ),
        )  # fmt: skip


def _openings(evidence: Evidence) -> tuple[OpeningRow, ...]:
    return evidence.engine.openings if evidence.engine else ()


def _user(uri: str) -> str:
    return uri.partition(":")[2].partition("@")[0] or uri
