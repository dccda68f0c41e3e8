# SPDX-License-Identifier: GPL-2.0-or-later
"""How rules are put into words, one sentence a rule, the same in the list and beside the form; and rows of objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.db.models import Model
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliance.firewall.models import (
    ACTIONS,
    Action,
    AddressKind,
    AddressObject,
    Application,
    CountryData,
    Lookup,
    Protocol,
    Rule,
    Schedule,
    Service,
    Table,
)
from appliance.firewall.queries import Holding, KnownContents, Use, holding
from appliance.network.models import Role
from appliance.ruleset.countries import codes
from appliance.ruleset.decide import Decision
from appliance.ruleset.policy import Policy
from appliance.ui.columns import moment, unresolved


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
    pattern = _("{action} {service} from {source} to {destination}{target}{time}.")
    verb = _verb(table, action)
    if pattern.startswith("{action}"):  # a language may have it last
        verb = verb[:1].upper() + verb[1:]
    text = format_html(
        pattern,
        action=format_html('<span class="verdict-{}">{}</span>', action.value, verb),
        service=_bold(service.name) if service else _bold(_("everything")),
        source=_place(values.get("source"), values.get("from_zone") or ""),
        destination=here or _place(values.get("destination"), values.get("to_zone") or ""),
        target=_target(values),
        time=_time(values),
    )
    if opens_alg(table, action, service):
        return format_html("{} {}", text, _("The ALG opens the media of each call and closes it afterwards."))
    return text


def opens_alg(table: str, action: str, service: Service | None) -> bool:
    """Whether the ALG takes what such a rule allows."""
    sip = service is not None and service.application == Application.SIP
    return sip and table == Table.FORWARD and action == Action.ACCEPT


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
    decided = "{verdict}: {reason}" if decision.reason == "auto:no_route" else _("{verdict} by {reason}")
    parts = [format_html(decided, verdict=verdict, reason=_reason(policy, decision.reason))]
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
        Action.DNAT: _("Forward"),
        Action.SNAT: _("Translate"),
        Action.MASQUERADE: _("Masquerade"),
    }
    if action == Action.ACCEPT and table in (Table.DNAT, Table.SNAT):
        return _("Leave as it is:")
    return verbs.get(action) or str(action.label)


def _target(values: Mapping[str, Any]) -> SafeString:
    target: AddressObject | None = values.get("target")
    if target is None:
        return SafeString("")
    port = values.get("target_port")
    name = _bold(_("%(name)s, port %(port)s") % {"name": target.name, "port": port} if port else target.name)
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


# --- Objects ---

LOOKUP_ERRORS: Final = {
    "nxdomain": gettext_lazy("There is no such name."),
    "no_address": gettext_lazy("The name has no address."),
    "timeout": gettext_lazy("No name server answers."),
    "servfail": gettext_lazy("The name server cannot answer."),
    "no_servers": gettext_lazy("This machine knows no name server."),
    "all_refused": gettext_lazy("Every address of the answer was refused; the last known ones stay."),
    "too_many": gettext_lazy("More than 64 addresses; the newest are held."),
}
_UNRESOLVED: Final = frozenset({"nxdomain", "no_address", "timeout", "servfail", "no_servers"})
REFUSALS: Final = {
    "own": gettext_lazy("an address of this appliance"),
    "inside": gettext_lazy("an address of an inside network"),
    "loopback": gettext_lazy("a loopback address"),
    "link_local": gettext_lazy("a link-local address"),
    "metadata": gettext_lazy("a cloud metadata address"),
    "multicast": gettext_lazy("a multicast address"),
    "special": gettext_lazy("a special-purpose address"),
}
_FRESH, _AGEING = 60, 180
"""Days of country data."""


@dataclass(frozen=True)
class ObjectRow:
    """One line of the list: `parts` are what it is made of, `held` what that gives now."""

    pk: int
    sort: str  # address, service, schedule: the address of its page has it, too
    name: str
    kind: str
    parts: list[str]
    countries: list[str]
    note: str
    held: Holding | None
    refused: list[str]
    uses: list[Use]

    @property
    def page(self) -> str:
        return reverse(f"firewall:objects_edit_{self.sort}", args=[self.pk])

    @property
    def used_in(self) -> list[UsePlace]:
        return use_places(self.uses)

    @property
    def due(self) -> SafeString | str:
        return self._time(self.held.due if self.held else None)

    @property
    def refreshed(self) -> SafeString | str:
        return self._time(self.held.refreshed if self.held else None)

    @property
    def error(self) -> str:
        """Why the last look-up gave nothing, and what that means."""
        error = self.held.error if self.held else ""
        why = str(LOOKUP_ERRORS.get(error, ""))
        return f"{unresolved(self.parts[0], self.held.refreshed)} {why}" if self.held and error in _UNRESOLVED else why

    @staticmethod
    def _time(seconds: float | None) -> SafeString | str:
        return moment(datetime.fromtimestamp(seconds, UTC)) if seconds else ""


@dataclass(frozen=True)
class UsePlace:
    """`page` is "" where there is none."""

    label: str
    page: str


_PAGES_OF_USES: Final = {
    "firewall.service": "firewall:objects_edit_service",
    "sip.provider": "alg:providers_one",
}
"""By the name of a model."""


def use_places(uses: list[Use]) -> list[UsePlace]:
    """Once each, however often a rule names the object."""
    places: dict[Model, UsePlace] = {}
    for use in uses:
        match use.by:
            case Rule():
                place = f"{reverse('firewall:rules')}?table={use.by.table}#rule-{use.by.pk}"
                places[use.by] = UsePlace(f"{use.by.position} {use.by.name}", place)
            case AddressObject():
                places[use.by] = UsePlace(use.by.name, reverse("firewall:objects_edit_address", args=[use.by.pk]))
            case _:
                page = _PAGES_OF_USES.get(use.by._meta.label_lower)
                places[use.by] = UsePlace(str(use.by), reverse(page, args=[use.by.pk]) if page else "")
    return list(places.values())


def address_row(address: AddressObject, uses: list[Use], known: KnownContents) -> ObjectRow:
    countries = codes(address.value) if address.kind == AddressKind.COUNTRY else ()
    parts = [each.name for each in address.members.all()] if address.kind == AddressKind.GROUP else [address.value]
    held = holding(address, known)
    refused = [f"{each}: {REFUSALS.get(reason, reason)}" for each, reason in (held.refused if held else ())]
    note = str(Lookup(address.lookup).label) if address.lookup else _("everywhere but") if address.negated else ""
    return ObjectRow(
        address.pk, "address", address.name, str(AddressKind(address.kind).label), [] if countries else parts,
        list(countries), note, held, refused, uses,
    )  # fmt: skip


def service_row(service: Service, uses: list[Use]) -> ObjectRow:
    label = str(Protocol(service.protocol).label)
    parts = [each.name for each in service.members.all()] if service.protocol == Protocol.GROUP else [service.ports]
    if service.protocol == Protocol.OTHER:
        parts = [str(service.number)]
    kind = _("group of services") if service.protocol == Protocol.GROUP else _("service")
    note = "" if service.protocol == Protocol.GROUP else label
    alg = f"{Application(service.application).label} ALG" if service.application else ""
    return ObjectRow(
        service.pk, "service", service.name, kind, parts, [], " ".join(filter(None, (note, alg))), None, [], uses
    )  # fmt: skip


def schedule_row(schedule: Schedule, uses: list[Use]) -> ObjectRow:
    time = f"{schedule.days} {schedule.begin:%H:%M}–{schedule.end:%H:%M} {schedule.timezone}"
    return ObjectRow(schedule.pk, "schedule", schedule.name, _("schedule"), [time], [], "", None, [], uses)


def age_of(data: CountryData | None) -> dict[str, Any]:
    """Of the country data, with a mark: ok, warning or error."""
    if data is None:
        return {"days": None, "mark": "error"}
    days = (timezone.now().date() - data.published).days
    return {"days": days, "mark": "ok" if days < _FRESH else "warning" if days < _AGEING else "error"}
