# SPDX-License-Identifier: GPL-2.0-or-later
"""How rules are put into words: one sentence a rule, the same in the list and beside the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliance.firewall.models import Action, AddressObject, Application, Rule, Service
from appliance.network.models import Role


@dataclass(frozen=True)
class AutomaticRule:
    """What the system adds (ruleset.compile); nobody edits it, everybody should see it."""

    name: str | Promise
    sentence: str | Promise


BEFORE_RULES: Final = (
    AutomaticRule(
        gettext_lazy("Calls"),
        gettext_lazy(
            "Accept what the SIP ALG vouches for: signalling with the providers and the media of their calls."
        ),
    ),
    AutomaticRule(
        gettext_lazy("Running connections"),
        gettext_lazy("Accept packets of connections that were accepted before; drop packets that belong to none."),
    ),
    AutomaticRule(
        gettext_lazy("Console access"),
        gettext_lazy("Accept internal and management networks to this device on TCP 22, 443 and 8000."),
    ),
)
AFTER_RULES: Final = (AutomaticRule(gettext_lazy("Everything else"), gettext_lazy("Drop what no rule has accepted.")),)


def rule_sentence(rule: Rule) -> SafeString:
    """“Accept SIP from Phones (internal) to Provider (external). …”, names in bold."""
    fields = ("action", "from_zone", "to_zone", "source", "destination", "service")
    return sentence({field: getattr(rule, field) for field in fields})


def sentence(values: Mapping[str, Any]) -> SafeString:
    """`values` are those of a rule, or of a form that is not finished: what is missing reads as any."""
    action = Action(values.get("action") or Action.ACCEPT)
    service: Service | None = values.get("service")
    text = format_html(
        _("{action} {service} from {source} to {destination}."),
        action=format_html('<span class="verdict-{}">{}</span>', action.value, action.label.capitalize()),
        service=_bold(service.name) if service else _bold(_("everything")),
        source=_place(values.get("source"), values.get("from_zone", "")),
        destination=_place(values.get("destination"), values.get("to_zone", "")),
    )
    if service and service.application == Application.SIP and action == Action.ACCEPT:
        return format_html("{} {}", text, _("The ALG opens the media of each call and closes it afterwards."))
    return text


def _place(address: AddressObject | None, zone: str) -> SafeString:
    where = Role(zone).label if zone else ""
    if address is None:
        return format_html("{} ({})", _bold(_("anywhere")), where) if where else _bold(_("anywhere"))
    return format_html("{} ({})", _bold(address.name), where) if where else _bold(address.name)


def _bold(text: str) -> SafeString:
    return format_html("<b>{}</b>", text)
