# SPDX-License-Identifier: GPL-2.0-or-later
"""What each table of rules is for, and the rules that the system adds to it, in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy

from appliance.firewall.models import Table


@dataclass(frozen=True)
class AutomaticRule:
    """What the system adds (ruleset.compile); nobody edits it, everybody should see it."""

    name: str | Promise
    sentence: str | Promise
    log: str = ""  # its key in the live log
    made_by: str = ""  # the page of the setting that makes it; "" where it is always so
    asked: str = ""  # what stands behind that page's address

    @property
    def page(self) -> str:
        return reverse(self.made_by) + self.asked if self.made_by else ""


_CALLS: Final = AutomaticRule(
    gettext_lazy("Calls"),
    gettext_lazy("Accept what the SIP ALG has opened: signalling with the providers, and the media of their calls."),
    made_by="alg:providers",
)
_KNOWN: Final = AutomaticRule(
    gettext_lazy("Running connections"),
    gettext_lazy("Let connections go on that were accepted before, until their rule ends; drop what belongs to none."),
)
_DENY: Final = AutomaticRule(
    gettext_lazy("Everything else"), gettext_lazy("Drop what no rule has accepted."), "auto:default_deny"
)
_CONSOLE: Final = AutomaticRule(
    gettext_lazy("Console access"),
    gettext_lazy("Accept internal and management networks to this device on TCP 22, 443 and 8000."),
    made_by="network:interfaces",
)
_SPOOFED: Final = AutomaticRule(
    gettext_lazy("Inside addresses from outside"),
    gettext_lazy("Drop what comes by an external interface with an address of an inside network: it is forged."),
    "auto:spoofed",
    made_by="network:interfaces",
)
_LINK: Final = AutomaticRule(
    gettext_lazy("IPv6 on the link"),
    gettext_lazy(
        "Accept neighbour discovery, router announcements, error messages and answers of DHCPv6 to this device."
    ),
)
_TRANSLATED: Final = AutomaticRule(
    gettext_lazy("Translated connections"),
    gettext_lazy("Accept what a port forwarding has passed on, unless a rule above drops it."),
    made_by="firewall:rules",
    asked="?table=dnat",
)
_MASQUERADE: Final = AutomaticRule(
    gettext_lazy("Masquerade"),
    gettext_lazy("Internal IPv4 networks leave with the address of an interface that is set to masquerade."),
    made_by="network:interfaces",
)
_UNTOUCHED: Final = AutomaticRule(
    gettext_lazy("Everything else"), gettext_lazy("Leave the address as it is.")
)  # fmt: skip

AUTOMATIC: Final[Mapping[Table, tuple[tuple[AutomaticRule, ...], tuple[AutomaticRule, ...]]]] = {
    Table.FORWARD: ((_CALLS, _KNOWN, _SPOOFED), (_TRANSLATED, _DENY)),
    Table.DNAT: ((_CALLS,), (_UNTOUCHED,)),
    Table.SNAT: ((), (_MASQUERADE, _UNTOUCHED)),
    Table.INPUT: ((_CALLS, _KNOWN, _LINK, _SPOOFED, _CONSOLE), (_DENY,)),
}
"""Before and behind the operator's rules of a table."""


@dataclass(frozen=True)
class TableWords:
    """What a table of rules is for, said to somebody who knows no nft; and what to think of one without any rule."""

    label: str | Promise
    about: str | Promise
    none: str | Promise
    hint: str | Promise


TABLES: Final[Mapping[Table, TableWords]] = {
    Table.FORWARD: TableWords(
        gettext_lazy("Through the firewall"),
        gettext_lazy(
            "What may pass from one network to another. The first rule that matches a new connection decides."
        ),
        gettext_lazy("No rules yet."),
        gettext_lazy(
            "Start with one that lets your phones speak SIP with your provider; nothing else is needed for calls."
        ),
    ),
    Table.DNAT: TableWords(
        gettext_lazy("Port forwardings (DNAT)"),
        gettext_lazy(
            "What arrives at an address of this device and is passed on to a host inside. The first rule that matches "
            "a new connection decides."
        ),
        gettext_lazy("No port forwardings."),
        gettext_lazy("For a phone system with the ALG none are needed."),
    ),
    Table.SNAT: TableWords(
        gettext_lazy("Outgoing address (SNAT)"),
        gettext_lazy(
            "Under which address connections leave this device. The first rule that matches a new connection decides."
        ),
        gettext_lazy("No rules for outgoing addresses."),
        gettext_lazy(
            "None are needed where everybody inside may leave with the address of the external interface, as it is set "
            "there."
        ),
    ),
    Table.INPUT: TableWords(
        gettext_lazy("To this device"),
        gettext_lazy(
            "Who may reach this device itself, its console for instance. The first rule that matches a new connection "
            "decides."
        ),
        gettext_lazy("No rules of your own."),
        gettext_lazy("What is needed stands here as automatic rules: calls, and the console from inside."),
    ),
}
