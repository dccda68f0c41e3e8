# SPDX-License-Identifier: GPL-2.0-or-later
"""How rules are put into words: one sentence a rule, the same in the list and beside the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliance.firewall.models import ACTIONS, Action, AddressObject, Application, Rule, Service, Table
from appliance.network.models import Role
from appliance.ruleset.decide import Decision
from appliance.ruleset.policy import Policy
from appliance.ui.columns import moment


@dataclass(frozen=True)
class AutomaticRule:
    """What the system adds (ruleset.compile); nobody edits it, everybody should see it."""

    name: str | Promise
    sentence: str | Promise


_CALLS: Final = AutomaticRule(
    gettext_lazy("Calls"),
    gettext_lazy("Accept what the SIP ALG vouches for: signalling with the providers and the media of their calls."),
)
_KNOWN: Final = AutomaticRule(
    gettext_lazy("Running connections"),
    gettext_lazy(
        "Drop connections whose rule has ended; accept those that were accepted before; drop what belongs to none."
    ),
)
_DENY: Final = AutomaticRule(gettext_lazy("Everything else"), gettext_lazy("Drop what no rule has accepted."))
_CONSOLE: Final = AutomaticRule(
    gettext_lazy("Console access"),
    gettext_lazy("Accept internal and management networks to this device on TCP 22, 443 and 8000."),
)
_TRANSLATED: Final = AutomaticRule(
    gettext_lazy("Translated connections"),
    gettext_lazy("Accept what a rule of Destination NAT has translated, unless a rule above drops it."),
)
_MASQUERADE: Final = AutomaticRule(
    gettext_lazy("Masquerade"),
    gettext_lazy("Internal IPv4 networks leave with the address of an interface that is set to masquerade."),
)
_UNTOUCHED: Final = AutomaticRule(
    gettext_lazy("Everything else"), gettext_lazy("Leave the address as it is.")
)  # fmt: skip

AUTOMATIC: Final[Mapping[Table, tuple[tuple[AutomaticRule, ...], tuple[AutomaticRule, ...]]]] = {
    Table.FORWARD: ((_CALLS, _KNOWN), (_TRANSLATED, _DENY)),
    Table.DNAT: ((_CALLS,), (_UNTOUCHED,)),
    Table.SNAT: ((), (_MASQUERADE, _UNTOUCHED)),
    Table.INPUT: ((_CALLS, _KNOWN, _CONSOLE), (_DENY,)),
}
"""Before and behind the operator's rules of a table."""


def rule_sentence(rule: Rule) -> SafeString:
    """“Accept SIP from Phones (internal) to Provider (external). …”, names in bold."""
    fields = (
        "table", "action", "from_zone", "to_zone", "source", "destination", "service", "target", "target_port",
        "until", "schedule",
    )  # fmt: skip
    return sentence({field: getattr(rule, field) for field in fields})


def sentence(values: Mapping[str, Any]) -> SafeString:
    """`values` are those of a rule, or of a form that is not finished: what is missing reads as any."""
    table = Table(values.get("table") or Table.FORWARD)
    action = Action(values.get("action") or ACTIONS[table][0])
    service: Service | None = values.get("service")
    here = _bold(_("this device")) if table in (Table.INPUT, Table.DNAT) and not values.get("destination") else None
    text = format_html(
        _("{action} {service} from {source} to {destination}{target}{time}."),
        action=format_html('<span class="verdict-{}">{}</span>', action.value, _verb(table, action)),
        service=_bold(service.name) if service else _bold(_("everything")),
        source=_place(values.get("source"), values.get("from_zone") or ""),
        destination=here or _place(values.get("destination"), values.get("to_zone") or ""),
        target=_target(values),
        time=_time(values),
    )
    if table == Table.FORWARD and service and service.application == Application.SIP and action == Action.ACCEPT:
        return format_html("{} {}", text, _("The ALG opens the media of each call and closes it afterwards."))
    return text


_REASONS: Final = {
    "auto:console": gettext_lazy("the automatic rule for the console"),
    "auto:ping": gettext_lazy("the automatic rule for ping from inside"),
    "auto:dnat": gettext_lazy("the automatic rule for translated connections"),
    "auto:masquerade": gettext_lazy("masquerade of internal networks"),
    "auto:default_deny": gettext_lazy("the default: what no rule accepts is dropped"),
    "auto:no_route": gettext_lazy("no interface leads there"),
}


def decision_sentence(policy: Policy, decision: Decision) -> SafeString:
    """“Accepted by rule 3 “Web out”, leaves by wan0 as 203.0.113.2.”"""
    verdicts = {"accept": _("Accepted"), "drop": _("Dropped"), "reject": _("Rejected")}
    verdict = format_html('<span class="verdict-{}">{}</span>', decision.verdict, verdicts[decision.verdict])
    if decision.alg:
        text = _("{verdict} by the SIP ALG because of {reason}; it opens the media of each call.")
        return format_html(text, verdict=verdict, reason=_reason(policy, decision.reason))
    parts = [format_html(_("{verdict} by {reason}"), verdict=verdict, reason=_reason(policy, decision.reason))]
    packet = decision.packet
    if decision.dnat:
        text = _("translated to {to} by {reason}")
        to = f"{packet.daddr} {packet.dport or ''}".strip()
        parts.append(format_html(text, to=_bold(to), reason=_reason(policy, decision.dnat)))
    if decision.verdict == "accept" and decision.oifname:
        parts.append(format_html(_("leaves by {interface}"), interface=_bold(decision.oifname)))
    if decision.snat:
        text = _("seen there as {saddr} by {reason}")
        parts.append(format_html(text, saddr=_bold(str(packet.saddr)), reason=_reason(policy, decision.snat)))
    return format_html("{}.", format_html_join(", ", "{}", ((part,) for part in parts)))


def _reason(policy: Policy, key: str) -> SafeString | str:
    rule = next((rule for rule in policy.rules if rule.key == key), None)
    if rule is None:
        return str(_REASONS.get(key, key))
    link = f"{reverse('firewall:rules')}?table={rule.table}#rule-{rule.id}"
    text = _("rule {position} “{name}”").format(position=rule.position, name=rule.name)
    return format_html('<a href="{}">{}</a>', link, text)


def _verb(table: str, action: Action) -> str:
    verbs = {
        Action.DNAT: _("Translate"),
        Action.SNAT: _("Translate"),
        Action.MASQUERADE: _("Masquerade"),
    }
    if action == Action.ACCEPT and table in (Table.DNAT, Table.SNAT):
        return _("Leave as it is:")
    return verbs.get(action) or str(action.label).capitalize()


def _target(values: Mapping[str, Any]) -> SafeString:
    target: AddressObject | None = values.get("target")
    if target is None:
        return SafeString("")
    port = values.get("target_port")
    name = _bold(f"{target.name}, {_('port')} {port}" if port else target.name)
    if values.get("action") == Action.SNAT:
        return format_html(_(" so that it comes from {target}"), target=name)
    return format_html(_(" on to {target}"), target=name)


def _time(values: Mapping[str, Any]) -> SafeString:
    schedule, until = values.get("schedule"), values.get("until")
    when = format_html(_(" during {schedule}"), schedule=_bold(schedule.name)) if schedule else SafeString("")
    return when + (format_html(_(" until {until}"), until=moment(until)) if until else SafeString(""))


def _place(address: AddressObject | None, zone: str) -> SafeString:
    where = Role(zone).label if zone else ""
    if address is None:
        return format_html("{} ({})", _bold(_("anywhere")), where) if where else _bold(_("anywhere"))
    return format_html("{} ({})", _bold(address.name), where) if where else _bold(address.name)


def _bold(text: str) -> SafeString:
    return format_html("<b>{}</b>", text)
