# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rules a server needs whose SIP the ALG leaves alone: the checklist, and the same as drafts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.firewall.models import Action, Activation, AddressKind, AddressObject, Application, Rule, Service, Table
from appliance.firewall.queries import rules
from appliance.firewall.services.addresses import create_address
from appliance.firewall.services.objects import create_service
from appliance.firewall.services.rules import create_rule
from appliance.ruleset.activations import common
from appliance.ruleset.snapshot import values_of

SPEECH: Final = ("Speech without ALG", "udp", "1024-65535")
SIGNALLING: Final = ("SIP without ALG", "both", "5060")
"""Name, protocol and ports of services that drafts use; the operator may narrow them."""


@dataclass(frozen=True, slots=True)
class Needed:
    """`fields` are those of firewall.services.create_rule; objects that do not exist yet are named in `service`."""

    text: str
    why: str
    tag: str
    service: tuple[str, str, str]
    fields: dict[str, Any]
    drafted: Rule | None


def rules_needed(activation: Activation) -> list[Needed]:
    """For each SIP rule whose servers are exempt; empty where no rule names one of them."""
    return [each for rule in _sip_rules(activation) for each in _of(rule, activation)]


@transaction.atomic
def draft_needed(*, actor: User | str, activation: Activation) -> list[Rule]:
    """As drafts, to be reviewed and applied; those that are there already stay as they are."""
    drafted = []
    for each in rules_needed(activation):
        if each.drafted is None:
            service = _service(actor, each.service)
            source = each.fields["source"] or _servers(actor, activation)
            destination = each.fields["destination"] or (
                _servers(actor, activation) if each.fields["table"] == Table.FORWARD else None
            )
            fields = each.fields | {"service": service, "source": source, "destination": destination}
            drafted.append(create_rule(actor=actor, tags=[each.tag], **fields))
    return drafted


def _sip_rules(activation: Activation) -> Iterator[Rule]:
    servers = AddressObject.objects.filter(pk=activation.address_row or 0).first()
    exempt = tuple(values_of(servers)) if servers else tuple(activation.values)
    for rule in rules(Table.FORWARD):
        sip = rule.service is not None and rule.service.application == Application.SIP
        allows = sip and rule.enabled and rule.action == Action.ACCEPT
        if allows and rule.destination is not None and common(tuple(values_of(rule.destination)), exempt):
            yield rule


def _of(rule: Rule, activation: Activation) -> Iterator[Needed]:
    """Without a `source` the exempt servers are meant, or, of what goes out, the destination."""
    provider = getattr(rule.destination, "provider", None)
    media = getattr(provider, "media", None)
    phone, several = _phone(rule)
    common_fields = {"action": Action.ACCEPT, "until": activation.ends, "comment": activation.reason, "from_zone": ""}
    inward = common_fields | {
        "table": Table.DNAT, "action": Action.DNAT, "destination": None, "target": phone, "from_zone": "external",
    }  # fmt: skip
    asked = (
        (
            "out", _("Speech from “%(phones)s” to “%(server)s”"), SPEECH,
            _("The ALG opens nothing for these calls any more."),
            common_fields | {"table": Table.FORWARD, "source": rule.source, "destination": media, "enabled": True},
        ),
        (
            "in", _("Calls from “%(server)s” to “%(phones)s”"), SIGNALLING,
            _("Needed where the provider calls without using the connection that the telephone keeps open."),
            inward | {"source": None, "enabled": phone is not None and not several},
        ),
        (
            "speech", _("Speech from “%(server)s” to “%(phones)s”"), SPEECH,
            _("Only where the provider speaks first, or from other ports than it is spoken to. Drafted switched off."),
            inward | {"source": media, "enabled": False},
        ),
    )  # fmt: skip
    for word, text, service, why, fields in asked:
        if fields["table"] == Table.DNAT and phone is None:
            continue
        tag = f"exempt-{activation.pk}-{rule.pk}-{word}"
        said = text % {"phones": rule.source, "server": activation.name}
        drafted = next((each for each in Rule.objects.filter(tags__icontains=tag) if tag in each.tags), None)
        yield Needed(said, why, tag, service, fields | {"name": said[:80]}, drafted)


def _phone(rule: Rule) -> tuple[AddressObject | None, bool]:
    """To whom calls could be translated: the first host of the rule's source, and whether there are others."""
    if rule.source is None:
        return None, False
    held = list(rule.source.members.order_by("search")) if rule.source.kind == AddressKind.GROUP else [rule.source]
    hosts = [each for each in held if each.kind == AddressKind.HOST]
    return (hosts[0] if hosts else None), len(hosts) > 1


def _service(actor: User | str, wanted: tuple[str, str, str]) -> Service:
    name, protocol, ports = wanted
    found = Service.objects.filter(search=name.casefold()).first()
    return found or create_service(actor=actor, name=name, protocol=protocol, ports=ports)


def _servers(actor: User | str, activation: Activation) -> AddressObject:
    """The exempt servers as an object: the one that was chosen, or new ones for what was typed."""
    chosen = AddressObject.objects.filter(pk=activation.address_row or 0).first()
    if chosen is not None:
        return chosen
    members = []
    for value in activation.values:
        kind = AddressKind.NETWORK if "/" in value else AddressKind.HOST
        found = AddressObject.objects.filter(kind=kind, value=value).first()
        members.append(found or create_address(actor=actor, name=value, kind=kind, value=value))
    if len(members) == 1:
        return members[0]
    name = _("Exempt servers %d") % activation.pk
    group = AddressObject.objects.filter(search=name.casefold()).first()
    return group or create_address(actor=actor, name=name, kind=AddressKind.GROUP, members=members)
