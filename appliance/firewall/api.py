# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of rules, address objects and services. Objects are given and taken by name (an id works, too)."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status

from appliance.accounts.models import User
from appliance.firewall import queries, services
from appliance.firewall.models import AddressObject, Rule, Service

router = Router(tags=["firewall"])

Reference = int | str | None
Object = TypeVar("Object", AddressObject, Service)

# --- Rules ---


class RuleOut(Schema):
    id: int
    position: int
    name: str
    enabled: bool
    source: str | None
    destination: str | None
    service: str | None
    from_zone: str
    to_zone: str
    action: str
    log: bool
    comment: str
    version: int
    changed: datetime


class RuleList(Schema):
    items: list[RuleOut]
    count: int


class RulePlace(Schema):
    """Ids of rules, or a position from 1; at most one of them."""

    before: int | None = None
    after: int | None = None
    position: int | None = None


class RuleIn(RulePlace):
    name: str
    source: Reference = None
    destination: Reference = None
    service: Reference = None
    action: str
    from_zone: str = ""
    to_zone: str = ""
    enabled: bool = True
    log: bool = False
    comment: str = ""


class RuleChange(RulePlace):
    """Only what is sent changes; `version` is the one that the change was based on."""

    version: int
    name: str = ""
    source: Reference = None
    destination: Reference = None
    service: Reference = None
    action: str = ""
    from_zone: str = ""
    to_zone: str = ""
    enabled: bool = True
    log: bool = False
    comment: str = ""


@router.get("/rules", response=RuleList)
def list_rules(request: HttpRequest) -> dict[str, Any]:
    items = [_rule(rule) for rule in queries.rules()]
    return {"items": items, "count": len(items)}


@router.get("/rules/{rule_id}", response=RuleOut)
def get_rule(request: HttpRequest, rule_id: int) -> dict[str, Any]:
    return _rule(Rule.objects.get(pk=rule_id))


@router.post("/rules", response={201: RuleOut})
def create_rule(request: HttpRequest, payload: RuleIn) -> Status[dict[str, Any]]:
    fields = payload.dict() | _objects(payload.dict(exclude_unset=True)) | _place(payload)
    return Status(201, _rule(services.create_rule(actor=_actor(request), **fields)))


@router.patch("/rules/{rule_id}", response=RuleOut)
def update_rule(request: HttpRequest, rule_id: int, payload: RuleChange) -> dict[str, Any]:
    sent = payload.dict(exclude_unset=True)
    place = [name for name in ("before", "after", "position") if sent.pop(name, None) is not None]
    if "position" in place:
        raise ValidationError({"position": [_("Say before or after which rule it shall stand.")]})
    version = sent.pop("version")
    with transaction.atomic():
        rule = Rule.objects.get(pk=rule_id)
        if sent:
            rule = services.update_rule(actor=_actor(request), rule=rule, version=version, **sent | _objects(sent))
        if place:
            services.move_rule(actor=_actor(request), rule=rule, **_place(payload))
    return _rule(rule)


@router.delete("/rules/{rule_id}", response={204: None})
def delete_rule(request: HttpRequest, rule_id: int) -> Status[None]:
    services.delete_rule(actor=_actor(request), rule=Rule.objects.get(pk=rule_id))
    return Status(204, None)


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
def list_addresses(request: HttpRequest) -> dict[str, Any]:
    items = [_address(address) for address in queries.addresses()]
    return {"items": items, "count": len(items)}


@router.post("/addresses", response={201: AddressOut})
def create_address(request: HttpRequest, payload: AddressIn) -> Status[dict[str, Any]]:
    fields = payload.dict() | {"members": _members(payload.members)}
    return Status(201, _address(services.create_address(actor=_actor(request), **fields)))


@router.patch("/addresses/{address_id}", response=AddressOut)
def update_address(request: HttpRequest, address_id: int, payload: AddressChange) -> dict[str, Any]:
    address = AddressObject.objects.get(pk=address_id)
    members = None if payload.members is None else _members(payload.members)
    return _address(
        services.update_address(
            actor=_actor(request), address=address, name=payload.name, value=payload.value, members=members
        )
    )


@router.delete("/addresses/{address_id}", response={204: None})
def delete_address(request: HttpRequest, address_id: int) -> Status[None]:
    services.delete_address(actor=_actor(request), address=AddressObject.objects.get(pk=address_id))
    return Status(204, None)


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
def list_services(request: HttpRequest) -> dict[str, Any]:
    items = [_service(service) for service in queries.services()]
    return {"items": items, "count": len(items)}


@router.post("/services", response={201: ServiceOut})
def create_service(request: HttpRequest, payload: ServiceIn) -> Status[dict[str, Any]]:
    return Status(201, _service(services.create_service(actor=_actor(request), **payload.dict())))


@router.patch("/services/{service_id}", response=ServiceOut)
def update_service(request: HttpRequest, service_id: int, payload: ServiceChange) -> dict[str, Any]:
    service = Service.objects.get(pk=service_id)
    return _service(services.update_service(actor=_actor(request), service=service, **payload.dict(exclude_unset=True)))


@router.delete("/services/{service_id}", response={204: None})
def delete_service(request: HttpRequest, service_id: int) -> Status[None]:
    services.delete_service(actor=_actor(request), service=Service.objects.get(pk=service_id))
    return Status(204, None)


# --- Between rows and JSON ---


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)


def _rule(rule: Rule) -> dict[str, Any]:
    own = {"id": rule.pk, "version": rule.version, "changed": rule.changed}
    return own | services.describe_rule(rule)


def _address(address: AddressObject) -> dict[str, Any]:
    return {"id": address.pk} | services.describe_address(address)


def _service(service: Service) -> dict[str, Any]:
    return {"id": service.pk} | services.describe_service(service)


def address_named(field: str, reference: Reference) -> AddressObject | None:
    """Raise ValidationError on `field` where there is no such object."""
    return _named(AddressObject, field, reference)


def _objects(sent: dict[str, Any]) -> dict[str, Any]:
    """The objects behind the references that were sent."""
    found: dict[str, Any] = {
        field: _named(AddressObject, field, sent[field]) for field in ("source", "destination") if field in sent
    }
    return found | ({"service": _named(Service, "service", sent["service"])} if "service" in sent else {})


def _members(references: list[int | str]) -> list[AddressObject]:
    found = (_named(AddressObject, "members", reference) for reference in references)
    return [member for member in found if member is not None]


def _place(place: RulePlace) -> dict[str, Any]:
    if sum(value is not None for value in (place.before, place.after, place.position)) > 1:
        raise ValidationError({"position": [_("Say before, after or position, not more than one of them.")]})
    anchors: dict[str, Rule | None] = {}
    for field, key in (("before", place.before), ("after", place.after)):
        anchors[field] = None if key is None else Rule.objects.filter(pk=key).first()
        if key is not None and anchors[field] is None:
            raise ValidationError({field: [_("There is no rule with this id.")]})
    return anchors


def _named(model: type[Object], field: str, reference: Reference) -> Object | None:
    if reference is None:
        return None
    by = {"pk": reference} if isinstance(reference, int) else {"search": reference.casefold()}
    found = model._default_manager.filter(**by).first()
    if found is None:
        raise ValidationError({field: [_("There is no object “%s”. Create it first.") % reference]})
    return found
