# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of address objects, services and schedules. Objects are given and taken by name (an id works, too)."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import time
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status

from appliance.firewall import queries, services
from appliance.firewall.api.references import actor, named
from appliance.firewall.models import AddressObject, Schedule, Service
from appliance.ui.requests import may

router = Router(tags=["firewall"])

# --- Address objects ---


class AddressOut(Schema):
    id: int
    name: str
    kind: str
    value: str
    members: list[str]


class AddressList(Schema):
    items: list[AddressOut]
    count: int


class AddressIn(Schema):
    name: str
    kind: str
    value: str = ""
    members: list[int | str] = []


class AddressChange(Schema):
    name: str | None = None
    value: str | None = None
    members: list[int | str] | None = None


@router.get("/addresses", response=AddressList)
@may("objects.see")
def list_addresses(request: HttpRequest) -> dict[str, Any]:
    items = [_address(address) for address in queries.addresses()]
    return {"items": items, "count": len(items)}


@router.post("/addresses", response={201: AddressOut})
@may("objects.change")
def create_address(request: HttpRequest, payload: AddressIn) -> Status[dict[str, Any]]:
    fields = payload.dict() | {"members": _members(payload.members)}
    return Status(201, _address(services.create_address(actor=actor(request), **fields)))


@router.patch("/addresses/{address_id}", response=AddressOut)
@may("objects.change")
def update_address(request: HttpRequest, address_id: int, payload: AddressChange) -> dict[str, Any]:
    address = AddressObject.objects.get(pk=address_id)
    members = None if payload.members is None else _members(payload.members)
    return _address(
        services.update_address(
            actor=actor(request), address=address, name=payload.name, value=payload.value, members=members
        )
    )


@router.delete("/addresses/{address_id}", response={204: None})
@may("objects.change")
def delete_address(request: HttpRequest, address_id: int) -> Status[None]:
    services.delete_address(actor=actor(request), address=AddressObject.objects.get(pk=address_id))
    return Status(204, None)


class Replaced(Schema):
    places: int


@router.post("/addresses/{address_id}/replace", response=Replaced)
@may("objects.change")
def replace_address(request: HttpRequest, address_id: int, by: str) -> dict[str, int]:
    """Use another object in every rule and group that uses this one."""
    other = named(AddressObject, "by", by)
    if other is None:
        raise ValidationError({"by": [_("Say by which object.")]})
    address = AddressObject.objects.get(pk=address_id)
    return {"places": services.replace_address(actor=actor(request), address=address, by=other)}


# --- Services ---


class ServiceOut(Schema):
    id: int
    name: str
    protocol: str
    ports: str
    application: str


class ServiceList(Schema):
    items: list[ServiceOut]
    count: int


class ServiceIn(Schema):
    name: str
    protocol: str
    ports: str = ""
    application: str = ""


class ServiceChange(Schema):
    name: str = ""
    protocol: str = ""
    ports: str = ""
    application: str = ""


@router.get("/services", response=ServiceList)
@may("objects.see")
def list_services(request: HttpRequest) -> dict[str, Any]:
    items = [_service(service) for service in queries.services()]
    return {"items": items, "count": len(items)}


@router.post("/services", response={201: ServiceOut})
@may("objects.change")
def create_service(request: HttpRequest, payload: ServiceIn) -> Status[dict[str, Any]]:
    return Status(201, _service(services.create_service(actor=actor(request), **payload.dict())))


@router.patch("/services/{service_id}", response=ServiceOut)
@may("objects.change")
def update_service(request: HttpRequest, service_id: int, payload: ServiceChange) -> dict[str, Any]:
    service = Service.objects.get(pk=service_id)
    return _service(services.update_service(actor=actor(request), service=service, **payload.dict(exclude_unset=True)))


@router.delete("/services/{service_id}", response={204: None})
@may("objects.change")
def delete_service(request: HttpRequest, service_id: int) -> Status[None]:
    services.delete_service(actor=actor(request), service=Service.objects.get(pk=service_id))
    return Status(204, None)


# --- Schedules ---


class ScheduleIn(Schema):
    """Every week on `weekdays` (0 is Monday); an `end` before `begin` is on the next day."""

    name: str
    weekdays: list[int]
    begin: time
    end: time
    timezone: str = "UTC"


class ScheduleOut(ScheduleIn):
    id: int


class ScheduleList(Schema):
    items: list[ScheduleOut]
    count: int


@router.get("/schedules", response=ScheduleList)
@may("objects.see")
def list_schedules(request: HttpRequest) -> dict[str, Any]:
    items = [_schedule(schedule) for schedule in queries.schedules()]
    return {"items": items, "count": len(items)}


@router.post("/schedules", response={201: ScheduleOut})
@may("objects.change")
def create_schedule(request: HttpRequest, payload: ScheduleIn) -> Status[dict[str, Any]]:
    return Status(201, _schedule(services.create_schedule(actor=actor(request), **payload.dict())))


@router.put("/schedules/{schedule_id}", response=ScheduleOut)
@may("objects.change")
def update_schedule(request: HttpRequest, schedule_id: int, payload: ScheduleIn) -> dict[str, Any]:
    schedule = Schedule.objects.get(pk=schedule_id)
    return _schedule(services.update_schedule(actor=actor(request), schedule=schedule, **payload.dict()))


@router.delete("/schedules/{schedule_id}", response={204: None})
@may("objects.change")
def delete_schedule(request: HttpRequest, schedule_id: int) -> Status[None]:
    services.delete_schedule(actor=actor(request), schedule=Schedule.objects.get(pk=schedule_id))
    return Status(204, None)


# --- Between rows and JSON ---


def _schedule(schedule: Schedule) -> dict[str, Any]:
    return {"id": schedule.pk} | services.describe_schedule(schedule)


def _address(address: AddressObject) -> dict[str, Any]:
    return {"id": address.pk} | services.describe_address(address)


def _service(service: Service) -> dict[str, Any]:
    return {"id": service.pk} | services.describe_service(service)


def _members(references: list[int | str]) -> list[AddressObject]:
    found = (named(AddressObject, "members", reference) for reference in references)
    return [member for member in found if member is not None]
