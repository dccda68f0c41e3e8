# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of address objects and of what those that move hold. Objects are given and taken by name (an id works, too)."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status

from appliance.firewall import queries, services
from appliance.firewall.api.references import Replaced, UseList, actor, present, several, uses_of
from appliance.firewall.models import AddressKind, AddressObject
from appliance.ui.etags import check, tag
from appliance.ui.requests import may

router = Router(tags=["firewall"])


class RefusedOut(Schema):
    address: str
    reason: str


class HoldingOut(Schema):
    """What the object stands for now; times are Unix seconds, `error` is a word like nxdomain."""

    addresses: list[str]
    ranges: int
    refreshed: float | None
    due: float | None
    error: str
    refused: list[RefusedOut]


class AddressOut(Schema):
    """`lookup` (address, srv, naptr) is of a DNS name, `negated` of countries."""

    id: int
    name: str
    kind: str
    value: str
    lookup: str
    negated: bool
    members: list[str]
    holding: HoldingOut | None


class AddressList(Schema):
    items: list[AddressOut]
    count: int


class AddressIn(Schema):
    name: str
    kind: str
    value: str = ""
    lookup: str = ""
    negated: bool = False
    members: list[int | str] = []


class AddressChange(Schema):
    name: str | None = None
    value: str | None = None
    lookup: str | None = None
    negated: bool | None = None
    members: list[int | str] | None = None


class ChangeOut(Schema):
    at: datetime
    added: list[str]
    removed: list[str]


class ChangeList(Schema):
    items: list[ChangeOut]
    count: int


@router.get("/addresses", response=AddressList)
@may("objects.see")
def list_addresses(request: HttpRequest, q: str = "") -> dict[str, Any]:
    """`q` is words of a name or value; an address finds all objects that hold it."""
    known = queries.KnownContents()
    items = [_address(address, known) for address in queries.found_addresses(q, known)]
    return {"items": items, "count": len(items)}


@router.post("/addresses", response={201: AddressOut})
@may("objects.change")
def create_address(request: HttpRequest, response: HttpResponse, payload: AddressIn) -> Status[dict[str, Any]]:
    fields = payload.dict() | {"members": several(AddressObject, payload.members)}
    return Status(201, _tagged(response, services.create_address(actor=actor(request), **fields)))


@router.get("/addresses/{address_id}", response=AddressOut)
@may("objects.see")
def get_address(request: HttpRequest, response: HttpResponse, address_id: int) -> dict[str, Any]:
    return _tagged(response, AddressObject.objects.get(pk=address_id))


@router.patch("/addresses/{address_id}", response=AddressOut)
@may("objects.change")
def update_address(
    request: HttpRequest, response: HttpResponse, address_id: int, payload: AddressChange
) -> dict[str, Any]:  # fmt: skip
    changes = payload.dict()
    changes["members"] = None if payload.members is None else several(AddressObject, payload.members)
    with transaction.atomic():
        address = AddressObject.objects.get(pk=address_id)
        check(request, services.describe_address(address))
        return _tagged(response, services.update_address(actor=actor(request), address=address, **changes))


@router.delete("/addresses/{address_id}", response={204: None})
@may("objects.change")
def delete_address(request: HttpRequest, address_id: int) -> Status[None]:
    with transaction.atomic():
        address = AddressObject.objects.get(pk=address_id)
        check(request, services.describe_address(address))
        services.delete_address(actor=actor(request), address=address)
    return Status(204, None)


@router.get("/addresses/{address_id}/uses", response=UseList)
@may("objects.see")
def list_address_uses(request: HttpRequest, address_id: int) -> dict[str, Any]:
    """Rules, groups, providers, whatever names it."""
    return uses_of(AddressObject.objects.get(pk=address_id))


@router.post("/addresses/{address_id}/replace", response=Replaced)
@may("objects.change")
def replace_address(request: HttpRequest, address_id: int, by: str) -> dict[str, int]:
    """Use another object wherever this one is used, as a draft: everywhere, or nowhere where one place refuses it."""
    address, other = AddressObject.objects.get(pk=address_id), present(AddressObject, "by", by)
    return {"places": services.replace_everywhere(actor=actor(request), thing=address, by=other)}


@router.post("/addresses/{address_id}/refresh", response={202: None})
@may("objects.change")
def refresh_address(request: HttpRequest, address_id: int) -> Status[None]:
    """Look a DNS name up now; its `holding` says when that is done."""
    services.refresh(actor=actor(request), address=AddressObject.objects.get(pk=address_id))
    return Status(202, None)


@router.get("/addresses/{address_id}/changes", response=ChangeList)
@may("objects.see")
def list_address_changes(request: HttpRequest, address_id: int) -> dict[str, Any]:
    """What a DNS name gained and lost, newest first."""
    address = AddressObject.objects.get(pk=address_id)
    rows = queries.content_changes(address.lookup_key) if address.kind == AddressKind.DNS else ()
    items = [{"at": row.at, "added": row.added, "removed": row.removed} for row in rows]
    return {"items": items, "count": len(items)}


class NameServersIn(Schema):
    servers: list[str]


@router.get("/name-servers", response=NameServersIn)
@may("objects.see")
def get_name_servers(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    """Whom DNS objects are asked of; none: the machine's own."""
    return _tagged_servers(response)


@router.put("/name-servers", response=NameServersIn)
@may("system.change")
def set_name_servers(request: HttpRequest, response: HttpResponse, payload: NameServersIn) -> dict[str, Any]:
    """At once; no apply is needed."""
    with transaction.atomic():
        check(request, {"servers": queries.name_servers()})
        services.set_name_servers(actor=actor(request), servers=payload.servers)
        return _tagged_servers(response)


def _tagged_servers(response: HttpResponse) -> dict[str, Any]:
    described = {"servers": queries.name_servers()}
    tag(response, described)
    return described


def _tagged(response: HttpResponse, address: AddressObject) -> dict[str, Any]:
    """The tag is of what people say of it, not of what a name holds at the moment."""
    tag(response, services.describe_address(address))
    return _address(address)


def _address(address: AddressObject, known: queries.KnownContents | None = None) -> dict[str, Any]:
    held = queries.holding(address, known or queries.KnownContents())
    defaults = {"lookup": "", "negated": False}
    holding = held and held._asdict() | {
        "refused": [{"address": each, "reason": reason} for each, reason in held.refused]
    }
    return defaults | {"id": address.pk, "holding": holding} | services.describe_address(address)
