# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of providers."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest
from ninja import Router, Schema, Status

from appliance.accounts.models import User
from appliance.firewall.api import Reference, address_named
from appliance.sip import queries, services
from appliance.sip.models import Provider
from appliance.ui.requests import may

router = Router(tags=["telephony"])


class ProviderOut(Schema):
    id: int
    name: str
    signalling: str
    media: str | None
    symmetric_media: bool
    template: str


class ProviderList(Schema):
    items: list[ProviderOut]
    count: int


class ProviderIn(Schema):
    """`signalling` and `media` are names or ids of address objects."""

    name: str
    signalling: int | str
    media: Reference = None
    symmetric_media: bool = False
    template: str = ""


class ProviderChange(Schema):
    name: str = ""
    signalling: int | str = ""
    media: Reference = None
    symmetric_media: bool = False
    template: str = ""


@router.get("/providers", response=ProviderList)
@may("providers.see")
def list_providers(request: HttpRequest) -> dict[str, Any]:
    items = [_provider(provider) for provider in queries.providers()]
    return {"items": items, "count": len(items)}


@router.post("/providers", response={201: ProviderOut})
@may("providers.change")
def create_provider(request: HttpRequest, payload: ProviderIn) -> Status[dict[str, Any]]:
    return Status(201, _provider(services.create_provider(actor=_actor(request), **_fields(payload.dict()))))


@router.patch("/providers/{provider_id}", response=ProviderOut)
@may("providers.change")
def update_provider(request: HttpRequest, provider_id: int, payload: ProviderChange) -> dict[str, Any]:
    provider = Provider.objects.get(pk=provider_id)
    fields = _fields(payload.dict(exclude_unset=True))
    return _provider(services.update_provider(actor=_actor(request), provider=provider, **fields))


@router.delete("/providers/{provider_id}", response={204: None})
@may("providers.change")
def delete_provider(request: HttpRequest, provider_id: int) -> Status[None]:
    services.delete_provider(actor=_actor(request), provider=Provider.objects.get(pk=provider_id))
    return Status(204, None)


def _fields(sent: dict[str, Any]) -> dict[str, Any]:
    return sent | {field: address_named(field, sent[field]) for field in ("signalling", "media") if field in sent}


def _provider(provider: Provider) -> dict[str, Any]:
    return {"id": provider.pk} | services.describe(provider)


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)
