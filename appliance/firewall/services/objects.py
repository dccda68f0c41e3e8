# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to address objects, services and schedules: one function per verb of the operator, audited.

Errors are ValidationErrors that name the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from typing import Any, cast
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall.models import AddressKind, AddressObject, Application, Named, Protocol, Rule, Schedule, Service
from appliance.firewall.queries import rule_uses
from appliance.firewall.services.rules import update_rule
from appliance.ruleset import notation

Actor = User | str

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


# --- Schedules ---


@transaction.atomic
def create_schedule(
    *, actor: Actor, name: str, weekdays: Sequence[int], begin: time, end: time, timezone: str = "UTC"
) -> Schedule:
    schedule = Schedule(name=name.strip(), weekdays=sorted(set(weekdays)), begin=begin, end=end, timezone=timezone)
    _check_schedule(schedule)
    schedule.save()
    record(actor=actor, verb="create", target=schedule, after=describe_schedule(schedule))
    return schedule


@transaction.atomic
def update_schedule(*, actor: Actor, schedule: Schedule, **changes: Any) -> Schedule:
    """`changes`: name, weekdays, begin, end, timezone."""
    before = describe_schedule(schedule)
    for field, value in changes.items():
        setattr(schedule, field, value)
    _check_schedule(schedule)
    schedule.save()
    record(actor=actor, verb="update", target=schedule, before=before, after=describe_schedule(schedule))
    return schedule


@transaction.atomic
def delete_schedule(*, actor: Actor, schedule: Schedule) -> None:
    uses = list(schedule.rules.all())
    if uses:
        raise ValidationError({"schedule": [_in_use(schedule, uses)]}, code="in_use")
    record(actor=actor, verb="delete", target=schedule, before=describe_schedule(schedule))
    schedule.delete()


def describe_schedule(schedule: Schedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "weekdays": schedule.weekdays,
        "begin": schedule.begin.isoformat("minutes"),
        "end": schedule.end.isoformat("minutes"),
        "timezone": schedule.timezone,
    }


def _check_schedule(schedule: Schedule) -> None:
    _check_name(schedule)
    if not schedule.weekdays or not set(schedule.weekdays) <= set(range(7)):
        raise ValidationError({"weekdays": [_("Choose at least one day of the week; 0 is Monday, 6 is Sunday.")]})
    if schedule.timezone not in available_timezones():
        message = _("“%s” is no time zone. Write it like Europe/Berlin.") % schedule.timezone
        raise ValidationError({"timezone": [message]})


# --- Every kind of object ---


@transaction.atomic
def replace_address(*, actor: Actor, address: AddressObject, by: AddressObject) -> int:
    """In every rule and every group; how many there were. The object itself stays."""
    if by == address:
        raise ValidationError({"by": [_("Choose another object.")]})
    replaced = 0
    for field in ("source", "destination", "target"):
        for rule in Rule.objects.filter(**{field: address}):
            changes = {field: by}
            update_rule(actor=actor, rule=rule, version=rule.version, **changes)
            replaced += 1
    for group in address.groups.all():
        if by.kind == AddressKind.GROUP:
            raise ValidationError({"by": [_("“%s” is in a group, and a group holds no groups.") % address.name]})
        members = [by if member == address else member for member in group.members.all()]
        update_address(actor=actor, address=group, members=members)
        replaced += 1
    record(actor=actor, verb="replace", target=address, after={"by": by.name, "places": replaced})
    return replaced


def _check_name(thing: AddressObject | Service | Schedule) -> None:
    if not thing.name:
        raise ValidationError({"name": [_("Give it a name.")]})
    model: type[Named] = type(thing)
    if model._default_manager.exclude(pk=thing.pk).filter(search=thing.name.casefold()).exists():
        raise ValidationError({"name": [_("“%s” exists already. Choose another name.") % thing.name]})


def _in_use(thing: AddressObject | Service | Schedule, rules: list[Rule]) -> str:
    count = len(rules)
    message = ngettext(
        "“%(name)s” is used in %(count)d rule (%(rules)s). Replace it there first.",
        "“%(name)s” is used in %(count)d rules (%(rules)s). Replace it there first.",
        count,
    )
    listed = ", ".join(f"{rule.position} “{rule.name}”" for rule in rules)
    return message % {"name": thing.name, "count": count, "rules": listed}
