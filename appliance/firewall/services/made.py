# SPDX-License-Identifier: GPL-2.0-or-later
"""An object for what a plan or a form describes: the one that says the same already, else a new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.firewall.models import AddressObject, Service
from appliance.firewall.services.addresses import create_address
from appliance.firewall.services.objects import create_service
from appliance.firewall.services.rules import Actor
from appliance.recipes.plans import Place, Ports


def with_objects(actor: Actor, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a rule, each Place and each Ports among them as an object. Of a transaction that makes the rule."""
    return {field: _object(actor, value) for field, value in values.items()}


def free_name(model: Any, wanted: str) -> str:
    wanted = wanted[:70]
    taken = {each.casefold() for each in model.objects.values_list("name", flat=True)}
    names = [wanted, *(f"{wanted} {number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name.casefold() not in taken)


def _object(actor: Actor, value: Any) -> Any:
    if isinstance(value, Place):
        return _address(actor, value)
    return _service(actor, value) if isinstance(value, Ports) else value


def _address(actor: Actor, place: Place) -> AddressObject:
    same = AddressObject.objects.filter(kind=place.kind, value__iexact=place.value).first()
    return same or create_address(
        actor=actor, name=free_name(AddressObject, place.name), kind=place.kind, value=place.value
    )  # fmt: skip


def _service(actor: Actor, ports: Ports) -> Service:
    fields: dict[str, Any] = {"protocol": ports.protocol, "ports": ports.ports, "application": ports.application}
    same = Service.objects.filter(**fields).first()
    return same or create_service(actor=actor, name=free_name(Service, ports.name), **fields)
