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
    """`help` names the page that explains it (appliance.help)."""

    id: str
    severity: Severity
    title: str | Promise
    looks_at: str | Promise
    look: Look
    help: str
    needs: tuple[Need, ...] = ()


CHECKS: Final = (
    Check("A01", "error", _("Forwarding of the SIP port beside the ALG"),
          _("Port forwardings of 5060 to a phone system that the ALG handles"), forwardings.sip_port, "rtp-forwarding"),
    Check("A02", "error", _("Forwarding of RTP ports beside the ALG"),
          _("Wide port forwardings over UDP to a phone system that the ALG handles"),
          forwardings.media_ports, "rtp-forwarding"),
    Check("A03", "warning", _("STUN beside the ALG"),
          _("Connections of phone systems to STUN servers (UDP 3478)"), signalling.stun, "alg-and-stun", ("kernel",)),
    Check("A04", "hint", _("Encrypted SIP"),
          _("Connections to TCP port 5061"), signalling.encrypted, "encrypted-sip", ("kernel",)),
    Check("A05", "hint", _("Encrypted SIP, speech unknown"),
          _("Media of hosts that speak encrypted SIP"), signalling.encrypted, "encrypted-sip", ("kernel",)),
    Check("A06", "warning", _("Registration interval"),
          _("What each phone asked for and what its provider granted"),
          signalling.registration_interval, "registration-interval", ("engine",)),
    Check("A07", "warning", _("Connections of older rules"),
          _("Connections that the rules would not allow now, or would translate differently"),
          surroundings.old_connections, "old-connections", ("kernel",)),
    Check("A08", "hint", _("RTP forwarding that is not needed"),
          _("Port forwardings of speech, and whether speech of exempt servers comes back by itself"),
          forwardings.not_needed, "rtp-forwarding", ("kernel",)),
    Check("A09", "error", _("RTP forwarding that is missing"),
          _("Speech to exempt servers that nothing comes back to"), forwardings.missing, "rtp-forwarding", ("kernel",)),
    Check("A10", "warning", _("SIP port open to the Internet"),
          _("Rules that let anybody send SIP"), forwardings.open_to_anybody, "from-outside"),
    Check("A11", "warning", _("Maintenance access without end"),
          _("Port forwardings for maintenance, their source and their end"), forwardings.maintenance, "from-outside"),
    Check("A12", "hint", _("Source limited by country only"),
          _("Sources of port forwardings and of rules for this device"), forwardings.by_country_only, "from-outside"),
    Check("A13", "hint", _("Packets before their opening"),
          _("Media from outside that fitted no opening, while calls are in sight"),
          media.early_packets, "symmetric-rtp", ("engine",)),
    Check("A14", "warning", _("Provider banned"),
          _("Banned hosts among the provider's addresses"), surroundings.banned_provider, "bans", ("engine",)),
    Check("A15", "warning", _("External phones without encryption"),
          _("Port forwardings of 5060 from anywhere"), forwardings.open_to_anybody, "from-outside"),
    Check("A16", "error", _("Outside address changed"),
          _("Our outside addresses of the last day, and who has registered since"),
          surroundings.another_address, "addresses"),
    Check("A17", "error", _("Media ports used up"),
          _("Calls refused for want of ports since the range was set"), media.ports_used_up, "openings", ("engine",)),
    Check("A18", "hint", _("Media that does not pass here"),
          _("Calls in conversation without an opening"), media.media_elsewhere, "openings", ("engine",)),
    Check("A19", "hint", _("Streams closed for silence"),
          _("Openings that closed without a packet since the timer was set"), media.silent, "openings", ("engine",)),
    Check("A20", "warning", _("Private address outside"),
          _("Messages of the latest calls as they left"), signalling.leaked_address, "addresses", ("engine",)),
    Check("A21", "warning", _("The kernel's SIP helper"),
          _("Rules of the kernel that hand connections to nf_conntrack_sip, such connections, and its modules"),
          surroundings.kernel_helper, "two-algs", ("kernel",)),
    Check("A22", "warning", _("Another ALG in front of us"),
          _("Our own Via in the last answer of each server"), signalling.second_alg, "two-algs", ("engine",)),
    Check("A23", "warning", _("Forgotten path of registrations"),
          _("The kernel's UDP timeout, where SIP passes without the ALG"),
          signalling.path_forgotten, "idle-path", ("kernel",)),
    Check("A24", "hint", _("Upkeep"),
          _("Rules that do nothing or end soon, names that cannot be resolved, the age of country data"),
          upkeep.upkeep, "upkeep"),
)  # fmt: skip


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
                severity = finding.severity or check.severity
                found.setdefault(finding.id, replace(finding, severity=severity, help=check.help))
    ordered = sorted(found.values(), key=lambda each: (SEVERITIES.index(each.severity or "hint"), each.check))
    return Advice(tuple(ordered), made, tuple(check for check in CHECKS if check not in made))
