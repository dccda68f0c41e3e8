# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of checks: which there are, how serious what they find is, and what they need to see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appliance.advisor import forwardings, media, signalling, surroundings, upkeep
from appliance.advisor.evidence import Evidence
from appliance.advisor.finding import SEVERITIES, Finding, Severity

Look = Callable[[Evidence], Iterator[Finding]]
Need = Literal["engine", "kernel"]


@dataclass(frozen=True, slots=True)
class Check:
    id: str
    severity: Severity
    title: str | Promise
    look: Look
    needs: tuple[Need, ...] = ()


CHECKS: Final = (
    Check("A01", "error", _("Forwarding of the SIP port beside the ALG"), forwardings.sip_port),
    Check("A02", "error", _("Forwarding of RTP ports beside the ALG"), forwardings.media_ports),
    Check("A03", "warning", _("STUN beside the ALG"), signalling.stun, ("kernel",)),
    Check("A04", "hint", _("Encrypted SIP"), signalling.encrypted, ("kernel",)),
    Check("A05", "hint", _("Encrypted SIP, speech unknown"), signalling.encrypted, ("kernel",)),
    Check("A06", "warning", _("Registration interval"), signalling.registration_interval, ("engine",)),
    Check("A07", "warning", _("Connections of older rules"), surroundings.old_connections, ("kernel",)),
    Check("A08", "hint", _("RTP forwarding that is not needed"), forwardings.not_needed, ("kernel",)),
    Check("A09", "error", _("RTP forwarding that is missing"), forwardings.missing, ("kernel",)),
    Check("A10", "warning", _("SIP port open to the Internet"), forwardings.open_to_anybody),
    Check("A11", "warning", _("Maintenance access without end"), forwardings.maintenance),
    Check("A12", "hint", _("Source limited by country only"), forwardings.by_country_only),
    Check("A13", "hint", _("Packets before their opening"), media.early_packets, ("engine",)),
    Check("A14", "warning", _("Provider banned"), surroundings.banned_provider, ("engine",)),
    Check("A15", "warning", _("External phones without encryption"), forwardings.open_to_anybody),
    Check("A16", "error", _("Outside address changed"), surroundings.another_address),
    Check("A17", "error", _("Media ports used up"), media.ports_used_up, ("engine",)),
    Check("A18", "hint", _("Media that does not pass here"), media.media_elsewhere, ("engine",)),
    Check("A19", "hint", _("Streams closed for silence"), media.silent, ("engine",)),
    Check("A20", "warning", _("Private address outside"), signalling.leaked_address, ("engine",)),
    Check("A21", "warning", _("The kernel's SIP helper"), surroundings.kernel_helper, ("kernel",)),
    Check("A22", "warning", _("Another ALG in front of us"), signalling.second_alg, ("engine",)),
    Check("A23", "warning", _("Forgotten path of registrations"), signalling.path_forgotten, ("kernel",)),
    Check("A24", "hint", _("Upkeep"), upkeep.upkeep),
)


class Advice(NamedTuple):
    """`missed` are checks whose evidence could not be had."""

    findings: tuple[Finding, ...]
    made: tuple[Check, ...]
    missed: tuple[Check, ...]


def advise(evidence: Evidence) -> Advice:
    """The most serious first, then in the order of the checks."""
    made = tuple(check for check in CHECKS if all(getattr(evidence, need) is not None for need in check.needs))
    found: dict[str, Finding] = {}
    for check in made:
        for finding in check.look(evidence):
            if finding.check == check.id:
                found.setdefault(finding.id, replace(finding, severity=finding.severity or check.severity))
    ordered = sorted(found.values(), key=lambda each: (SEVERITIES.index(each.severity or "hint"), each.check))
    return Advice(tuple(ordered), made, tuple(check for check in CHECKS if check not in made))
