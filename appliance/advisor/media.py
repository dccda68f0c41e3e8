# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of what the audio of calls does: ports that run out, silence, and what is normal and only looks wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext as _

from appliance.advisor.evidence import Evidence
from appliance.advisor.finding import Finding, Fix
from sipalg_core.contract.events import OpeningRow

PORTS_USED_UP: Final = ("media-ports-of-host", "media-ports")
"""Reasons of the engine for a 503 where no pair of ports was to be had (sipalg_core.alg.ports)."""
LATELY: Final = 24 * 3600.0


def early_packets(evidence: Evidence) -> Iterator[Finding]:
    """A13: packets that came while their call was set up, before its pinhole was exact."""
    dropped = _counter(evidence, "strays:external")
    if dropped and evidence.engine and any(row["answered"] for row in evidence.engine.calls):
        yield Finding(
            "A13", "strays",
            _("%d packets of media came before their opening. That is normal at the start of a call.") % dropped,
            _("A provider may send before the phone system has answered. They are dropped until then, and never "
              "counted as an attack."),
            (_("%d packets since the engine started.") % dropped,),
        )  # fmt: skip


def ports_used_up(evidence: Evidence) -> Iterator[Finding]:
    refused = sum(
        number
        for name, number in (evidence.engine.health["counters"] if evidence.engine else {}).items()
        if any(name.endswith(reason) for reason in PORTS_USED_UP)
    )
    if refused:
        yield Finding(
            "A17", "ports",
            _("The range of media ports was used up: %d calls were refused.") % refused,
            _("Each audio stream takes two consecutive ports. A call for which there is no pair is answered with 503."),
            (_("%d refusals since the engine started.") % refused,),
            (Fix(_("Widen the range"), page="alg:settings"),),
        )  # fmt: skip


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
                (call["call_id"],),
                (Fix(_("Show the call"), page="sip:calls_one", argument=call["id"]),),
            )  # fmt: skip


def silent(evidence: Evidence) -> Iterator[Finding]:
    quiet = [
        row for row in _openings(evidence)
        if row["why"] == "silent" and row["kind"] == "exact" and row["component"] == "rtp"
        and row["closed"] is not None and evidence.at - row["closed"] < LATELY
    ]  # fmt: skip
    if quiet:
        last = quiet[-1]
        yield Finding(
            "A19", "media",
            _("%d audio streams were closed because nobody sent anything.") % len(quiet),
            _("After the inactive media timeout without a packet an opening closes; the call itself stays. Change the "
              "timer only if your calls are silent for longer on purpose."),
            (f"{last['internal']} ⇄ {last['external']}",),
            (Fix(_("Adjust the timer"), page="alg:settings"),),
        )  # fmt: skip


def _openings(evidence: Evidence) -> tuple[OpeningRow, ...]:
    return evidence.engine.openings if evidence.engine else ()


def _counter(evidence: Evidence, name: str) -> int:
    return evidence.engine.health["counters"].get(name, 0) if evidence.engine else 0


def _user(uri: str) -> str:
    return uri.partition(":")[2].partition("@")[0] or uri
