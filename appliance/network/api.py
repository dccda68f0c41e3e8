# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of interfaces: the configured ones, and what the kernel has."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from typing import Any, cast

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status

from appliance.accounts.models import User
from appliance.network import queries, services
from appliance.network.models import Interface
from appliance.ui.etags import check, tag
from appliance.ui.requests import may

router = Router(tags=["network"])


class InterfaceOut(Schema):
    """`found` is what the kernel had last, and what the running rules go by."""

    id: int
    name: str
    role: str
    addresses: list[str]
    masquerade: bool
    found: list[str] | None


class InterfaceList(Schema):
    items: list[InterfaceOut]
    count: int


class InterfaceIn(Schema):
    role: str
    addresses: list[str] = []
    masquerade: bool = False


class AdoptIn(Schema):
    role: str
    masquerade: bool = False


class HeldOut(Schema):
    address: str
    static: bool
    left: int | None
    usable: bool


class LinkOut(Schema):
    """`changed`: when a cable was last plugged or pulled, in Unix seconds."""

    name: str
    kind: str
    mac: str
    mtu: int
    up: bool
    carrier: bool
    state: str
    speed: int | None
    changes: int
    changed: float | None
    gateway: str
    held: list[HeldOut]


class LinkList(Schema):
    items: list[LinkOut]
    count: int


@router.get("/interfaces", response=InterfaceList)
@may("network.see")
def list_interfaces(request: HttpRequest) -> dict[str, Any]:
    items = [_told(interface) for interface in queries.interfaces()]
    return {"items": items, "count": len(items)}


@router.get("/interfaces/{name}", response=InterfaceOut)
@may("network.see")
def get_interface(request: HttpRequest, response: HttpResponse, name: str) -> dict[str, Any]:
    return _tagged(response, queries.interfaces().get(name=name))


@router.put("/interfaces/{name}", response=InterfaceOut)
@may("network.change")
def save_interface(
    request: HttpRequest, response: HttpResponse, name: str, payload: InterfaceIn
) -> dict[str, Any]:  # fmt: skip
    """Made where there is none of this name."""
    with transaction.atomic():
        before = queries.interfaces().filter(name=name).first()
        check(request, services.describe(before) if before else {})
        return _tagged(response, services.save_interface(actor=cast(User, request.user), name=name, **payload.dict()))


@router.post("/interfaces/{name}/adopt", response=InterfaceOut)
@may("network.change")
def adopt_interface(request: HttpRequest, name: str, payload: AdoptIn) -> dict[str, Any]:
    """With its addresses as the kernel has them."""
    return _told(services.adopt_interface(actor=cast(User, request.user), name=name, **payload.dict()))


@router.delete("/interfaces/{name}", response={204: None})
@may("network.change")
def delete_interface(request: HttpRequest, name: str) -> Status[None]:
    with transaction.atomic():
        interface = queries.interfaces().get(name=name)
        check(request, services.describe(interface))
        services.delete_interface(actor=cast(User, request.user), interface=interface)
    return Status(204, None)


@router.get("/links", response=LinkList)
@may("network.see")
def list_links(request: HttpRequest) -> dict[str, Any]:
    """What the kernel has right now, adopted or not."""
    links = queries.live_links()
    return {"items": links, "count": len(links)}


def _tagged(response: HttpResponse, interface: Interface) -> dict[str, Any]:
    tag(response, services.describe(interface))
    return _told(interface)


def _told(interface: Interface) -> dict[str, Any]:
    found = queries.found(interface.node).get(interface.name)
    return {"id": interface.pk, "found": found} | services.describe(interface)
