# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of the appliance and what is around it: old connections, our own defence, a second ALG, another address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appliance.advisor.evidence import Evidence
from appliance.advisor.finding import Finding, Fix

LATELY: Final = 24 * 3600.0


def old_connections(evidence: Evidence) -> Iterator[Finding]:
    number = evidence.kernel.old_connections if evidence.kernel else 0
    if number:
        yield Finding(
            "A07", "connections",
            ngettext(
                "%d connection still follows the old configuration; tests now would mislead.",
                "%d connections still follow the old configuration; tests now would mislead.", number,
            ) % number,
            _("A connection goes on by the rules under which it began. Only what begins now shows what the rules say."),
            (),
            (Fix(_("Show and flush them"), page="system:connections", query="old=on"),),
        )  # fmt: skip


def banned_provider(evidence: Evidence) -> Iterator[Finding]:
    wanted = [rule.destination for rule in evidence.rules() if rule.opens_alg and rule.destination]
    wanted += [provider.media for provider in evidence.policy.providers if provider.media]
    for ban in evidence.engine.bans if evidence.engine else ():
        host = ipaddress.ip_address(ban["host"])
        named = next((address for address in wanted if host in address.held), None)
        if named is not None:
            yield Finding(
                "A14", str(host),
                _("Our own defence blocks the provider: %(host)s of “%(object)s” is banned.")
                % {"host": host, "object": named.name},
                _("The address sent SIP before a rule named it. Lift the ban; providers of a rule are never banned."),
                (str(ban["host"]),),
                (Fix(_("Show the banned hosts"), page="sip:bans"),),
            )  # fmt: skip


def another_address(evidence: Evidence) -> Iterator[Finding]:
    for moved in evidence.moved:
        if moved.ago < LATELY:
            yield Finding(
                "A16", moved.interface,
                _("The address of %(interface)s changed to %(addresses)s.")
                % {"interface": moved.interface, "addresses": ", ".join(moved.addresses)},
                _(
                    "Connections of the old address were ended and new traffic uses the new one. Phones are reached "
                    "again as soon as they have registered again."
                ),
                (_("%d minutes ago.") % (moved.ago // 60),),
                (Fix(_("Show the registrations"), page="sip:registrations"),),
                "hint",
            )  # fmt: skip


def kernel_helper(evidence: Evidence) -> Iterator[Finding]:
    if evidence.kernel and evidence.kernel.helper:
        yield Finding(
            "A21", "helper",
            _("Two ALGs are at work: the kernel's own SIP helper is assigned by %s.") % evidence.kernel.helper,
            _("nf_conntrack_sip would change the same messages a second time, and can be made to open any port by a "
              "web page. Remove the rule with “ct helper set”, and keep the module from being loaded."),
            (evidence.kernel.helper,),
        )  # fmt: skip
