# SPDX-License-Identifier: GPL-2.0-or-later
"""A rule from a packet that was seen: the rule's own form, filled in, with what has no object yet as a choice."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliance.firewall import queries
from appliance.firewall.forms import RuleForm
from appliance.firewall.models import AddressKind, AddressObject, Protocol, Rule, Service, Table
from appliance.network.models import Role
from appliance.recipes.plans import Place, Ports, Wanted
from appliance.ui.forms import OperatorForm

NEW: Final = "new"
"""The choice of an object that is made with the rule."""


class PacketSeen(OperatorForm):
    """Of the address of the page; what is missing or makes no sense is any."""

    saddr = forms.GenericIPAddressField(required=False)
    daddr = forms.GenericIPAddressField(required=False)
    protocol = forms.CharField(required=False, max_length=8)
    dport = forms.IntegerField(required=False, min_value=1, max_value=65535)
    from_zone = forms.ChoiceField(required=False, choices=Role.choices)
    to_zone = forms.ChoiceField(required=False, choices=Role.choices)
    table = forms.ChoiceField(
        required=False, choices=[(each.value, each.label) for each in (Table.FORWARD, Table.INPUT)]
    )
    rule = forms.IntegerField(required=False)  # the one that decided


def wanted(values: dict[str, Any]) -> Wanted:
    """`values` are a form's, cleaned."""
    form = PacketSeen(values)
    form.is_valid()
    seen = form.cleaned_data
    table = Table(seen.get("table") or Table.FORWARD)
    protocol, dport = seen.get("protocol"), seen.get("dport")
    ports = Ports(f"{protocol.upper()} {dport}", protocol, str(dport)) if protocol in ("udp", "tcp") and dport else None
    return Wanted(
        table, _host(seen.get("saddr")), None if table == Table.INPUT else _host(seen.get("daddr")), ports,
        seen.get("from_zone") or "", "" if table == Table.INPUT else seen.get("to_zone") or "",
        Rule.objects.filter(pk=seen.get("rule") or 0, table=table).first(),
    )  # fmt: skip


class SeenRuleForm(RuleForm):
    """As the rule's form; `source`, `destination` and `service` may be Place or Ports as well as an object."""

    def __init__(self, *args: Any, packet: Wanted, **kwargs: Any) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        initial = {"name": _name(packet), "action": "accept", "from_zone": packet.from_zone, "to_zone": packet.to_zone}
        super().__init__(*args, table=packet.table, initial=initial, **kwargs)
        for name in self.meant_for:
            self.fields.pop(name, None)  # what the packet had is among the choices
        self._choose("source", packet.source)
        self._choose("destination", packet.destination)
        self._choose("service", packet.service)

    def _choose(self, field: str, new: Place | Ports | None) -> None:
        """What there is that means exactly this, or that as a new one; then what holds it; then any."""
        own = self.fields[field]
        fitting = _fitting(new)
        exact = next((each for each in fitting if _means(each, new)), None)
        wider = [each for each in fitting if each is not exact]
        self._known[field] = {str(each.pk): each for each in wider} | {NEW: exact or new}
        choices: list[tuple[str, Any]] = [(str(each.pk), each.name) for each in wider]
        if new is not None:
            choices.insert(0, (NEW, exact.name if exact else gettext_lazy("%s (new)") % new.name))
        choices.append(("", own.empty_label))  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields[field] = forms.ChoiceField(
            label=own.label, choices=choices, required=False, help_text=own.help_text
        )  # fmt: skip
        self.initial[field] = NEW if new else ""
        self._dress()

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        for field, known in self._known.items():
            values[field] = known.get(values.get(field) or "")
        return values


def _host(text: str | None) -> Place | None:
    return Place(text, "host", text) if text else None


def _name(packet: Wanted) -> str:
    what = packet.service.name if packet.service else _("Everything")
    if packet.destination:
        return _("%(what)s to %(host)s") % {"what": what, "host": packet.destination.name}
    return _("%(what)s from %(host)s") % {"what": what, "host": packet.source.name} if packet.source else what


def _fitting(new: Place | Ports | None) -> list[Any]:
    """Objects that hold the address, services that have the port."""
    if isinstance(new, Place):
        return queries.found_addresses(new.value, queries.KnownContents())
    if isinstance(new, Ports):
        both = (new.protocol, Protocol.BOTH)
        return [each for each in queries.services() if each.protocol in both and _has(each.ports, int(new.ports))]
    return []


def _means(one: AddressObject | Service, new: Place | Ports | None) -> bool:
    if isinstance(one, AddressObject) and isinstance(new, Place):
        return one.kind == AddressKind.HOST and one.value == new.value
    return (
        isinstance(one, Service) and isinstance(new, Ports) and (one.protocol, one.ports) == (new.protocol, new.ports)
    )


def _has(ports: str, port: int) -> bool:
    for part in ports.split(","):
        first, _dash, last = part.partition("-")
        if first.isdecimal() and int(first) <= port <= int(last or first):
            return True
    return not ports
