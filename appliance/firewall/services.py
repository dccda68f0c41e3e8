# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to address objects, services and rules: one function per verb of the operator, audited.

Errors are ValidationErrors that name the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall.models import Action, AddressKind, AddressObject, Application, Named, Protocol, Rule, Service
from appliance.firewall.queries import rule_uses
from appliance.network.models import Role
from appliance.ruleset import notation

Actor = User | str

RULE_FIELDS: Final = (
    "name", "enabled", "source", "destination", "service", "from_zone", "to_zone", "action", "log", "comment",
)  # fmt: skip
"""What `update_rule` may change; the position has `move_rule`."""

# --- Address objects ---


@transaction.atomic
def create_address(
    *, actor: Actor, name: str, kind: str, value: str = "", members: Sequence[AddressObject] = ()
) -> AddressObject:
    address = AddressObject(name=name.strip(), kind=kind, value=value)
    _check_address(address, members)
    address.save()
    address.members.set(members)
    record(actor=actor, verb="create", target=address, after=describe_address(address))
    return address


@transaction.atomic
def update_address(
    *,
    actor: Actor,
    address: AddressObject,
    name: str | None = None,
    value: str | None = None,
    members: Sequence[AddressObject] | None = None,
) -> AddressObject:
    """The kind stays: a host that becomes a group is another object."""
    before = describe_address(address)
    address.name = address.name if name is None else name.strip()
    address.value = address.value if value is None else value
    members = list(address.members.all()) if members is None else members
    _check_address(address, members)
    address.save()
    address.members.set(members)
    record(actor=actor, verb="update", target=address, before=before, after=describe_address(address))
    return address


@transaction.atomic
def delete_address(*, actor: Actor, address: AddressObject) -> None:
    """Refused while something uses the object; the error lists what."""
    uses = list(rule_uses(address))
    if uses:
        raise ValidationError({"address": [_in_use(address, uses)]}, code="in_use")
    holders = [group.name for group in address.groups.all()]
    provider = getattr(address, "provider", None)
    holders += [str(provider)] if provider else []
    holders += [str(provider) for provider in address.media_of.all()]
    if holders:
        message = _("“%(name)s” belongs to %(holders)s. Take it out there first.")
        raise ValidationError(
            {"address": [message % {"name": address.name, "holders": ", ".join(f"“{holder}”" for holder in holders)}]},
            code="in_use",
        )
    record(actor=actor, verb="delete", target=address, before=describe_address(address))
    address.delete()


def describe_address(address: AddressObject) -> dict[str, Any]:
    members = [member.name for member in address.members.all()] if address.pk else []
    return {"name": address.name, "kind": address.kind, "value": address.value, "members": members}


def _check_address(address: AddressObject, members: Sequence[AddressObject]) -> None:
    _check_name(address)
    if address.kind not in AddressKind.values:
        raise ValidationError({"kind": [_("Choose host, network, range or group.")]})
    if address.kind == AddressKind.GROUP:
        if not members:
            raise ValidationError({"members": [_("An empty group would match nothing. Choose its addresses.")]})
        if any(member.kind == AddressKind.GROUP for member in members):
            raise ValidationError({"members": [_("A group holds addresses, not groups.")]})
        address.value = ""
        return
    if members:
        raise ValidationError({"members": [_("Only a group has members.")]})
    try:
        address.value = notation.canonical_address(cast(notation.Kind, address.kind), address.value)
    except ValueError as error:
        example = {"host": "192.168.0.2", "network": "192.168.0.0/24", "range": "192.168.0.10-192.168.0.12"}
        message = _("“%(value)s” is not a %(kind)s. Write it like %(example)s; IPv6 works as well.")
        fields = {"value": address.value, "kind": _(address.kind), "example": example[address.kind]}
        raise ValidationError({"value": [message % fields]}) from error


# --- Services ---


@transaction.atomic
def create_service(*, actor: Actor, name: str, protocol: str, ports: str = "", application: str = "") -> Service:
    service = Service(name=name.strip(), protocol=protocol, ports=ports, application=application)
    _check_service(service)
    service.save()
    record(actor=actor, verb="create", target=service, after=describe_service(service))
    return service


@transaction.atomic
def update_service(*, actor: Actor, service: Service, **changes: str) -> Service:
    """`changes`: name, protocol, ports, application."""
    before = describe_service(service)
    for field, value in changes.items():
        setattr(service, field, value)
    _check_service(service)
    service.save()
    record(actor=actor, verb="update", target=service, before=before, after=describe_service(service))
    return service


@transaction.atomic
def delete_service(*, actor: Actor, service: Service) -> None:
    uses = list(service.rules.all())
    if uses:
        raise ValidationError({"service": [_in_use(service, uses)]}, code="in_use")
    record(actor=actor, verb="delete", target=service, before=describe_service(service))
    service.delete()


def describe_service(service: Service) -> dict[str, Any]:
    return {field: getattr(service, field) for field in ("name", "protocol", "ports", "application")}


def _check_service(service: Service) -> None:
    _check_name(service)
    if service.protocol not in Protocol.values:
        raise ValidationError({"protocol": [_("Choose udp, tcp, both, icmp or any.")]})
    try:
        service.ports = notation.canonical_ports(service.ports)
    except ValueError as error:
        message = _("“%s” are no ports. Write them like 5060 or 5060,16384-32767.") % service.ports
        raise ValidationError({"ports": [message]}) from error
    if service.ports and service.protocol in {Protocol.ICMP, Protocol.ANY}:
        raise ValidationError({"ports": [_("Only UDP and TCP have ports.")]})
    if service.application not in Application.values:
        raise ValidationError({"application": [_("Choose SIP or none.")]})
    if service.application == Application.SIP and (service.protocol not in {"udp", "both"} or not service.ports):
        raise ValidationError({"ports": [_("SIP needs UDP and the ports that the provider listens on, often 5060.")]})


# --- Rules ---


@transaction.atomic
def create_rule(
    *,
    actor: Actor,
    name: str,
    source: AddressObject | None,
    destination: AddressObject | None,
    service: Service | None,
    action: str,
    from_zone: str = "",
    to_zone: str = "",
    enabled: bool = True,
    log: bool = False,
    comment: str = "",
    before: Rule | None = None,
    after: Rule | None = None,
    position: int | None = None,
) -> Rule:
    """At the end, or where `before`, `after` or `position` (from 1) says."""
    rule = Rule(
        name=name.strip(), source=source, destination=destination, service=service, action=action,
        from_zone=from_zone, to_zone=to_zone, enabled=enabled, log=log, comment=comment, changed_by=str(actor),
    )  # fmt: skip
    _check_rule(rule)
    rule.position = (Rule.objects.aggregate(last=Max("position"))["last"] or 0) + 1
    rule.save()
    _place(rule, before=before, after=after, position=position)
    record(actor=actor, verb="create", target=rule, after=describe_rule(rule))
    return rule


@transaction.atomic
def update_rule(*, actor: Actor, rule: Rule, version: int, **changes: Any) -> Rule:
    """Change RULE_FIELDS; refused where somebody else was faster (`version` is what the caller had seen)."""
    current = Rule.objects.select_related("source", "destination", "service").get(pk=rule.pk)
    if current.version != version:
        when = timezone.localtime(current.changed).strftime("%H:%M")
        message = _("%(who)s changed this rule at %(when)s. Compare and choose.")
        raise ValidationError(
            {"version": [message % {"who": current.changed_by or _("Somebody"), "when": when}]}, code="conflict"
        )
    previous = describe_rule(current)
    for field, value in changes.items():
        if field not in RULE_FIELDS:
            raise ValidationError({field: [_("This cannot be changed here.")]})
        setattr(current, field, value)
    _check_rule(current)
    current.version += 1
    current.changed_by = str(actor)
    current.save()
    record(actor=actor, verb="update", target=current, before=previous, after=describe_rule(current))
    return current


@transaction.atomic
def set_rule_enabled(*, actor: Actor, rule: Rule, enabled: bool) -> Rule:
    """Without a version: switching it twice to the same state does no harm."""
    current = Rule.objects.get(pk=rule.pk)
    return update_rule(actor=actor, rule=current, version=current.version, enabled=enabled)


@transaction.atomic
def delete_rule(*, actor: Actor, rule: Rule) -> None:
    record(actor=actor, verb="delete", target=rule, before=describe_rule(rule))
    rule.delete()
    _renumber(list(Rule.objects.order_by("position")))


@transaction.atomic
def move_rule(*, actor: Actor, rule: Rule, before: Rule | None = None, after: Rule | None = None) -> Rule:
    if (before is None) == (after is None):
        raise ValidationError({"position": [_("Say before which rule or after which rule, not both.")]})
    previous = rule.position
    _place(rule, before=before, after=after, position=None)
    record(
        actor=actor, verb="move", target=rule, before={"position": previous}, after={"position": rule.position}
    )  # fmt: skip
    return rule


def describe_rule(rule: Rule) -> dict[str, Any]:
    """Names instead of keys: the audit trail must be readable when the objects are gone."""
    named = {field: str(getattr(rule, field)) if getattr(rule, field) else None for field in _OBJECTS}
    return {field: getattr(rule, field) for field in RULE_FIELDS} | named | {"position": rule.position}


_OBJECTS: Final = ("source", "destination", "service")


def _place(rule: Rule, *, before: Rule | None, after: Rule | None, position: int | None) -> None:
    others = list(Rule.objects.exclude(pk=rule.pk).order_by("position"))
    anchor = before or after
    if anchor is not None:
        if anchor not in others:
            raise ValidationError({"position": [_("A rule cannot stand before or after itself.")]})
        index = others.index(anchor) + (1 if after else 0)
    else:
        index = len(others) if position is None else max(0, min(position - 1, len(others)))
    others.insert(index, rule)
    _renumber(others)


def _renumber(rules: list[Rule]) -> None:
    for position, rule in enumerate(rules, start=1):
        if rule.position != position:
            rule.position = position
            rule.save(update_fields=["position"])


def _check_rule(rule: Rule) -> None:
    errors: dict[str, list[str]] = {}
    if not rule.name.strip():
        errors["name"] = [_("Give the rule a name that says what it is for.")]
    if rule.action not in Action.values:
        errors["action"] = [_("Choose accept, drop or reject.")]
    for field in ("from_zone", "to_zone"):
        if getattr(rule, field) not in ["", *Role.values]:
            errors[field] = [_("Choose internal, external, dmz or management.")]
    if rule.service and rule.service.application == Application.SIP and rule.action == Action.ACCEPT:
        for field, name in (("source", rule.source), ("destination", rule.destination)):
            if name is None:
                errors[field] = [_("A SIP rule names its phones and its provider. “Any” would open the ALG to all.")]
    if errors:
        raise ValidationError(errors)


# --- What they share ---


def _check_name(thing: AddressObject | Service) -> None:
    if not thing.name:
        raise ValidationError({"name": [_("Give it a name.")]})
    model: type[Named] = type(thing)
    if model._default_manager.exclude(pk=thing.pk).filter(search=thing.name.casefold()).exists():
        raise ValidationError({"name": [_("“%s” exists already. Choose another name.") % thing.name]})


def _in_use(thing: AddressObject | Service, rules: list[Rule]) -> str:
    count = len(rules)
    message = ngettext(
        "“%(name)s” is used in %(count)d rule (%(rules)s). Replace it there first.",
        "“%(name)s” is used in %(count)d rules (%(rules)s). Replace it there first.",
        count,
    )
    listed = ", ".join(f"{rule.position} “{rule.name}”" for rule in rules)
    return message % {"name": thing.name, "count": count, "rules": listed}
