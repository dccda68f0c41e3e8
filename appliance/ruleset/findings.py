# SPDX-License-Identifier: GPL-2.0-or-later
"""What verify has found, in the reader's language: its sentences by code and case."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from appliance.ruleset.verify import Finding

SENTENCES: Final = {
    "locked_out:no_interface": _("No interface is internal or for management: this would cut off the console."),
    "locked_out:no_rule": _(
        "These changes would cut off your own access from {address}. No rule would accept TCP {port} at {interface}."
    ),
    "locked_out:dnat": _(
        "These changes would cut off your own access from {address}. Rule {position} “{rule}” would send TCP {port} at "
        "{interface} elsewhere."
    ),
    "locked_out:drop": _(
        "These changes would cut off your own access from {address}. Rule {position} “{rule}” would drop TCP {port} at "
        "{interface}."
    ),
    "locked_out:reject": _(
        "These changes would cut off your own access from {address}. Rule {position} “{rule}” would reject TCP {port} "
        "at {interface}."
    ),
    "empty_object": _("Rule {position} “{rule}” matches nothing: “{object}” holds no address."),
    "empty_object:negated": _(
        "Rule {position} “{rule}” would match everybody: “{object}” excludes countries without any data."
    ),
    "empty_moving_object": _(
        "Rule {position} “{rule}” matches nothing yet: “{object}” holds no address at the moment."
    ),
    "dns_source_of_dnat": _(
        "Rule {position} “{rule}” lets in whoever “{object}” resolves to: a forged DNS answer would open it to others."
    ),
    "sip_any": _("Rule {position} “{rule}” allows SIP without naming phones and provider."),
    "sip_country": _("Rule {position} “{rule}” allows SIP to “{object}”: the ALG needs addresses or a name."),
    "sip_source_not_internal": _(
        "Rule {position} “{rule}” allows SIP from “{object}”, which does not lie behind an internal interface."
    ),
    "sip_destination_internal": _(
        "Rule {position} “{rule}” allows SIP to “{object}”, which lies inside: the ALG has nothing to do there."
    ),
    "sip_destination_mixed": _(
        "Rule {position} “{rule}” allows SIP to “{object}”, of which a part lies inside: make it two rules."
    ),
    "sip_destination_routed": _(
        "Rule {position} “{rule}”: “{object}” lies inside; addresses stay as they are, and the ALG opens the media of "
        "calls."
    ),
    "sip_without_provider": _(
        "Rule {position} “{rule}”: “{object}” is no provider yet, so its media may only come from itself."
    ),
    "outside_address_gone": _(
        "Providers are to know us by {addresses}, which no external interface has: the first address is used."
    ),
    "outside_address_gone:one": _(
        "“{provider}” is to know us by {addresses}, which no external interface has: the first address is used."
    ),
    "limit_mark": _(
        "Rule {position} “{rule}” and rule {other_position} “{other}” cannot both have an end: they share a connection "
        "mark. Make one of them anew."
    ),
    "shadowed": _("Rule {position} “{rule}” never decides: rule {other_position} “{other}” covers all of it."),
}


def text(finding: Finding) -> str:
    return str(SENTENCES[finding.sentence]).format_map(finding.values)


def said(finding: Finding) -> dict[str, Any]:
    """For people and for programs."""
    return {"level": finding.level, "code": finding.code, "text": text(finding), "rule": finding.rule}
