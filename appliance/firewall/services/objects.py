# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to services and schedules: one function per verb of the operator, audited.

Errors are ValidationErrors that name the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import time
from typing import Any, Final
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall.models import Application, Protocol, Schedule, Service
from appliance.firewall.services.uses import check_name, check_unused
from appliance.ruleset import notation

Actor = User | str

# --- Services ---

_BY_NAME: Final = {1: Protocol.ICMP, 6: Protocol.TCP, 17: Protocol.UDP, 58: Protocol.ICMP}
"""Numbers (IANA) that have a choice of their own."""

USUAL: Final = (
    ("SIP", "udp", "5060", "sip"), ("SIP over TCP", "tcp", "5060", ""), ("SIPS", "tcp", "5061", ""),
    ("STUN", "both", "3478", ""), ("STUN over TLS", "tcp", "5349", ""), ("RTP", "udp", "16384-32767", ""),
    ("RTP 10000-20000", "udp", "10000-20000", ""), ("DNS", "both", "53", ""), ("NTP", "udp", "123", ""),
    ("HTTP", "tcp", "80", ""), ("HTTPS", "tcp", "443", ""), ("SSH", "tcp", "22", ""), ("Ping", "icmp", "", ""),
)  # fmt: skip
"""Name, protocol, ports, application of what most firewalls need."""


@transaction.atomic
def create_service(
    *,
    actor: Actor,
    name: str,
    protocol: str,
    ports: str = "",
    application: str = "",
    number: int | None = None,
    members: Sequence[Service] = (),
) -> Service:
    """`number` of another protocol (IANA); `members` of a group."""
    service = Service(name=name.strip(), protocol=protocol, ports=ports, application=application, number=number)
    _check_service(service, members)
    service.save()
    service.members.set(members)
    record(actor=actor, verb="create", target=service, after=describe_service(service))
    return service


@transaction.atomic
def add_usual_services(*, actor: Actor) -> list[Service]:
    """Those whose name is not taken."""
    taken = set(Service.objects.values_list("search", flat=True))
    return [
        create_service(actor=actor, name=name, protocol=protocol, ports=ports, application=application)
        for name, protocol, ports, application in USUAL
        if name.casefold() not in taken
    ]


@transaction.atomic
def update_service(*, actor: Actor, service: Service, **changes: Any) -> Service:
    """`changes`: name, protocol, ports, application, number, members."""
    before = describe_service(service)
    members = changes.pop("members", None)
    for field, value in changes.items():
        setattr(service, field, value)
    members = list(service.members.all()) if members is None else members
    _check_service(service, members)
    service.save()
    service.members.set(members)
    record(actor=actor, verb="update", target=service, before=before, after=describe_service(service))
    return service


@transaction.atomic
def delete_service(*, actor: Actor, service: Service) -> None:
    check_unused(service, "service")
    record(actor=actor, verb="delete", target=service, before=describe_service(service))
    service.delete()


def describe_service(service: Service) -> dict[str, Any]:
    described: dict[str, Any] = {
        field: getattr(service, field) for field in ("name", "protocol", "ports", "application")
    }  # fmt: skip
    if service.protocol == Protocol.OTHER:
        described["number"] = service.number
    if service.protocol == Protocol.GROUP:
        described["members"] = [member.name for member in service.members.all()]
    return described


def _check_service(service: Service, members: Sequence[Service]) -> None:
    service.name = service.name.strip()
    check_name(service)
    if service.protocol not in Protocol.values:
        raise ValidationError({"protocol": [_("Choose udp, tcp, both, icmp, any, other or group.")]})
    try:
        service.ports = notation.canonical_ports(service.ports)
    except ValueError as error:
        message = _("“%s” are no ports. Write them like 5060 or 5060,16384-32767.") % service.ports
        raise ValidationError({"ports": [message]}) from error
    if service.ports and service.protocol not in {Protocol.UDP, Protocol.TCP, Protocol.BOTH}:
        raise ValidationError({"ports": [_("Only UDP and TCP have ports.")]})
    if len(service.ports) > 200:
        raise ValidationError({"ports": [_("These are too many ports for one service. Make a group of several.")]})
    if service.application not in Application.values:
        raise ValidationError({"application": [_("Choose SIP or none.")]})
    if service.application == Application.SIP and (service.protocol not in {"udp", "both"} or not service.ports):
        raise ValidationError({"ports": [_("SIP needs UDP and the ports that the provider listens on, often 5060.")]})
    _check_number(service)
    _check_members(service, members)


def _check_number(service: Service) -> None:
    if service.protocol != Protocol.OTHER:
        if service.number is not None:
            raise ValidationError({"number": [_("Only another protocol has a number.")]})
        return
    wrong = wrong_number(service.number)
    if wrong:
        raise ValidationError({"number": [wrong]})


def wrong_number(number: int | None) -> str:
    """Why it is not the number of another protocol; "" where it is."""
    if number is None or not 0 <= number <= 255:
        return _("Give the protocol's number, from 0 to 255. ESP is 50, GRE is 47.")
    if number in _BY_NAME:
        message = _("Protocol %(number)d has a choice of its own: %(name)s.")
        return message % {"number": number, "name": _BY_NAME[number].label}
    return ""


def _check_members(service: Service, members: Sequence[Service]) -> None:
    if service.protocol != Protocol.GROUP:
        if members:
            raise ValidationError({"members": [_("Only a group has members.")]})
        return
    if not members:
        raise ValidationError({"members": [_("An empty group would match nothing. Choose its services.")]})
    for member in members:
        if member.protocol == Protocol.GROUP:
            raise ValidationError({"members": [_("A group holds services, not groups.")]})
        if member.application:
            message = _("“%s” belongs to the ALG, which acts on whole rules: it cannot be in a group.") % member.name
            raise ValidationError({"members": [message]})
    if service.pk and service.groups.exists():
        raise ValidationError({"protocol": [_("“%s” is in a group, and a group holds no groups.") % service.name]})


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
    check_unused(schedule, "schedule")
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
    schedule.name = schedule.name.strip()
    check_name(schedule)
    if not schedule.weekdays or not set(schedule.weekdays) <= set(range(7)):
        raise ValidationError({"weekdays": [_("Choose at least one day of the week; 0 is Monday, 6 is Sunday.")]})
    if schedule.timezone not in available_timezones():
        message = _("“%s” is no time zone. Write it like Europe/Berlin.") % schedule.timezone
        raise ValidationError({"timezone": [message]})
