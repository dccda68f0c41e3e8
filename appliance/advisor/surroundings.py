# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of the appliance and what is around it: old connections, our own defence, a second ALG, another address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appliance.advisor.evidence import Evidence
from appliance.advisor.finding import Finding, Fix, moment
from appliance.ruleset.compile import compile_alg
from sipalg_core.contract.events import RegistrationRow

LATELY: Final = 24 * 3600.0
NAMED: Final = 3
"""Registrations that are evidence."""
UNLOAD: Final = (
    "modprobe -r nf_nat_sip nf_conntrack_sip",
    "echo 'install nf_conntrack_sip /bin/false' > /etc/modprobe.d/no-sip-helper.conf",
)
"""modprobe.d(5): `blacklist` would still let it be loaded by its own name."""


def old_connections(evidence: Evidence) -> Iterator[Finding]:
    number = evidence.kernel.old_connections if evidence.kernel else 0
    if evidence.kernel and number:
        yield Finding(
            "A07", "connections",
            ngettext(
                "%d connection still follows the old configuration; tests now would mislead.",
                "%d connections still follow the old configuration; tests now would mislead.", number,
            ) % number,
            _("A connection goes on by the rules under which it began. Only what begins now shows what the rules say."),
            tuple(
                (_("%s: the rules would translate it differently.") if each.translated
                 else _("%s: the rules would not allow it any more.")) % each.connection
                for each in evidence.kernel.old
            ),
            (Fix(_("Show and flush them"), page="system:connections", query="old=on"),),
        )  # fmt: skip


def banned_provider(evidence: Evidence) -> Iterator[Finding]:
    """Bans pass by whom a rule names singly; of a provider's network anybody may be banned."""
    wanted = [rule.destination for rule in evidence.rules() if rule.opens_alg and rule.destination]
    peers = [net for peering in compile_alg(evidence.policy).peerings for net in peering.external]
    for ban in evidence.engine.bans if evidence.engine else ():
        host = ipaddress.ip_address(ban["host"])
        named = next((address for address in wanted if host in address.held), None)
        if named is not None and ipaddress.ip_network(host) not in peers:
            yield Finding(
                "A14", str(host),
                _("Our own defence blocks the provider: %(host)s of “%(object)s” is banned.")
                % {"host": host, "object": named.name},
                _("The address sent what no provider sends, or sent SIP before a rule allowed it. Lift the ban. A "
                  "server that the object names singly, and not as part of a network, is never banned."),
                (_("Banned for %(seconds)d s more; %(packets)d packets were dropped.")
                 % {"seconds": ban.get("seconds", 0), "packets": ban.get("packets", 0)},),
                (
                    Fix(_("Lift the ban"), page="sip:bans"),
                    Fix(_("Name the server singly"), page="firewall:objects", query=urlencode({"q": named.name})),
                ),
            )  # fmt: skip


def another_address(evidence: Evidence) -> Iterator[Finding]:
    """Until each phone has registered from the new address; an error while it is known that one has not."""
    latest = {moved.interface: moved for moved in evidence.moved}
    for moved in latest.values():
        at = evidence.at - moved.ago
        known = [row for row in evidence.engine.registrations if _stands(row, at)] if evidence.engine else []
        behind = [row for row in known if row["registered"] < at]
        if moved.ago > LATELY or (known and not behind):
            continue
        yield Finding(
            "A16", moved.interface,
            _("The address of %(interface)s changed to %(addresses)s.")
            % {"interface": moved.interface, "addresses": ", ".join(moved.addresses)},
            _("Connections of the old address were ended and new traffic uses the new one. Phones are reached again as "
              "soon as they have registered again."),
            (
                _("%(interface)s: %(addresses)s since %(moment)s.")
                % {"interface": moved.interface, "addresses": ", ".join(moved.addresses), "moment": moment(at)},
                *(_("%(aor)s of %(phone)s has last registered %(moment)s.")
                  % {"aor": row["aor"], "phone": row["internal"], "moment": moment(row["registered"])}
                  for row in behind[:NAMED]),
            ),
            (Fix(_("Show the registrations"), page="sip:registrations"),),
            "" if behind else "hint",
        )  # fmt: skip


def _stands(row: RegistrationRow, at: float) -> bool:
    """Whether the provider still had this binding when the address changed."""
    return row["expires"] > at and row["state"] != "failed"


def kernel_helper(evidence: Evidence) -> Iterator[Finding]:
    """A hint where it is only loaded: it does nothing before somebody hands it a connection."""
    kernel = evidence.kernel
    if kernel is None or not (kernel.helpers or kernel.helped or kernel.modules):
        return
    at_work = bool(kernel.helpers or kernel.helped)
    if kernel.helpers:
        text = _("Two ALGs are at work: the kernel's own SIP helper is assigned by %s.") % kernel.helpers[0].rule
    elif kernel.helped:
        text = _("Two ALGs are at work: the kernel's own SIP helper reads %s.") % kernel.helped[0]
    else:
        text = _("The kernel's own SIP helper is loaded. Nothing uses it yet.")
    yield Finding(
        "A21", "helper", text,
        _("nf_conntrack_sip would change the same messages a second time, and can be made to open any port by a "
          "web page. Remove the rule with “ct helper set”, and keep the module from being loaded."),
        (
            *(each.rule for each in kernel.helpers),
            *(_("The helper reads %s.") % each for each in kernel.helped),
            *(_("Loaded: %s.") % each for each in kernel.modules),
        ),
        (Fix(_("How to remove it"), page="ui:help_page", argument="kernel-helper"),),
        "" if at_work else "hint",
        commands=(
            *(each.command for each in kernel.helpers),
            *(UNLOAD if kernel.modules else ()),
        ),
    )  # fmt: skip
