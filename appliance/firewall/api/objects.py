# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of services and schedules. Objects are given and taken by name (an id works, too)."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import time
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status

from appliance.firewall import queries, services
from appliance.firewall.api.references import Replaced, UseList, actor, present, several, uses_of
from appliance.firewall.models import Schedule, Service
from appliance.ui.etags import check, tag
from appliance.ui.requests import may

router = Router(tags=["firewall"])

# --- Services ---


class ServiceOut(Schema):
    id: int
    name: str
    protocol: str
    ports: str
    application: str
    number: int | None = None
    members: list[str] = []


class ServiceList(Schema):
    items: list[ServiceOut]
    count: int


class ServiceIn(Schema):
    """`number` (IANA) is of protocol `other`, `members` of a `group`."""

    name: str
    protocol: str
    ports: str = ""
    application: str = ""
    number: int | None = None
    members: list[int | str] = []


class ServiceChange(Schema):
    name: str = ""
    protocol: str = ""
    ports: str = ""
    application: str = ""
    number: int | None = None
    members: list[int | str] = []


@router.get("/services", response=ServiceList)
@may("objects.see")
def list_services(request: HttpRequest) -> dict[str, Any]:
    items = [_service(service) for service in queries.services()]
    return {"items": items, "count": len(items)}


@router.post("/services", response={201: ServiceOut})
@may("objects.change")
def create_service(request: HttpRequest, response: HttpResponse, payload: ServiceIn) -> Status[dict[str, Any]]:
    fields = payload.dict() | {"members": several(Service, payload.members)}
    return Status(201, _tagged(response, services.create_service(actor=actor(request), **fields)))


@router.post("/services/usual", response={201: ServiceList})
@may("objects.change")
def add_usual_services(request: HttpRequest) -> Status[dict[str, Any]]:
    """SIP, SIPS, STUN, RTP and others that most firewalls need; those whose names are taken are left alone."""
    items = [_service(service) for service in services.add_usual_services(actor=actor(request))]
    return Status(201, {"items": items, "count": len(items)})


@router.get("/services/{service_id}", response=ServiceOut)
@may("objects.see")
def get_service(request: HttpRequest, response: HttpResponse, service_id: int) -> dict[str, Any]:
    return _tagged(response, Service.objects.get(pk=service_id))


@router.patch("/services/{service_id}", response=ServiceOut)
@may("objects.change")
def update_service(
    request: HttpRequest, response: HttpResponse, service_id: int, payload: ServiceChange
) -> dict[str, Any]:  # fmt: skip
    with transaction.atomic():
        service = Service.objects.get(pk=service_id)
        check(request, services.describe_service(service))
        changes = payload.dict(exclude_unset=True)
        if "members" in changes:
            changes["members"] = several(Service, payload.members)
        return _tagged(response, services.update_service(actor=actor(request), service=service, **changes))


@router.delete("/services/{service_id}", response={204: None})
@may("objects.change")
def delete_service(request: HttpRequest, service_id: int) -> Status[None]:
    with transaction.atomic():
        service = Service.objects.get(pk=service_id)
        check(request, services.describe_service(service))
        services.delete_service(actor=actor(request), service=service)
    return Status(204, None)


@router.post("/services/{service_id}/replace", response=Replaced)
@may("objects.change")
def replace_service(request: HttpRequest, service_id: int, by: str) -> dict[str, int]:
    """Use another service in every rule and group that uses this one, as a draft."""
    service, other = Service.objects.get(pk=service_id), present(Service, "by", by)
    return {"places": services.replace_everywhere(actor=actor(request), thing=service, by=other)}


@router.get("/services/{service_id}/uses", response=UseList)
@may("objects.see")
def list_service_uses(request: HttpRequest, service_id: int) -> dict[str, Any]:
    return uses_of(Service.objects.get(pk=service_id))


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
def create_schedule(request: HttpRequest, response: HttpResponse, payload: ScheduleIn) -> Status[dict[str, Any]]:
    return Status(201, _tagged(response, services.create_schedule(actor=actor(request), **payload.dict())))


@router.get("/schedules/{schedule_id}", response=ScheduleOut)
@may("objects.see")
def get_schedule(request: HttpRequest, response: HttpResponse, schedule_id: int) -> dict[str, Any]:
    return _tagged(response, Schedule.objects.get(pk=schedule_id))


@router.put("/schedules/{schedule_id}", response=ScheduleOut)
@may("objects.change")
def update_schedule(
    request: HttpRequest, response: HttpResponse, schedule_id: int, payload: ScheduleIn
) -> dict[str, Any]:  # fmt: skip
    with transaction.atomic():
        schedule = Schedule.objects.get(pk=schedule_id)
        check(request, services.describe_schedule(schedule))
        return _tagged(response, services.update_schedule(actor=actor(request), schedule=schedule, **payload.dict()))


@router.delete("/schedules/{schedule_id}", response={204: None})
@may("objects.change")
def delete_schedule(request: HttpRequest, schedule_id: int) -> Status[None]:
    with transaction.atomic():
        schedule = Schedule.objects.get(pk=schedule_id)
        check(request, services.describe_schedule(schedule))
        services.delete_schedule(actor=actor(request), schedule=schedule)
    return Status(204, None)


@router.post("/schedules/{schedule_id}/replace", response=Replaced)
@may("objects.change")
def replace_schedule(request: HttpRequest, schedule_id: int, by: str) -> dict[str, int]:
    """Use another schedule in every rule that uses this one, as a draft."""
    schedule, other = Schedule.objects.get(pk=schedule_id), present(Schedule, "by", by)
    return {"places": services.replace_everywhere(actor=actor(request), thing=schedule, by=other)}


@router.get("/schedules/{schedule_id}/uses", response=UseList)
@may("objects.see")
def list_schedule_uses(request: HttpRequest, schedule_id: int) -> dict[str, Any]:
    return uses_of(Schedule.objects.get(pk=schedule_id))


# --- Between rows and JSON ---


def _tagged(response: HttpResponse, thing: Service | Schedule) -> dict[str, Any]:
    told = _service(thing) if isinstance(thing, Service) else _schedule(thing)
    tag(response, services.describe_service(thing) if isinstance(thing, Service) else services.describe_schedule(thing))
    return told


def _schedule(schedule: Schedule) -> dict[str, Any]:
    return {"id": schedule.pk} | services.describe_schedule(schedule)


def _service(service: Service) -> dict[str, Any]:
    return {"id": service.pk} | services.describe_service(service)
