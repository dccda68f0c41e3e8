# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of providers. An ETag is of all that is said about one: send it as If-Match with a change."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from typing import Any, cast

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema, Status

from appliance.accounts.models import User
from appliance.firewall.api import Reference, address_named
from appliance.sip import queries, services
from appliance.sip.models import Provider
from appliance.ui.etags import check, tag
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
def create_provider(request: HttpRequest, response: HttpResponse, payload: ProviderIn) -> Status[dict[str, Any]]:
    return Status(201, _tagged(response, services.create_provider(actor=_actor(request), **_fields(payload.dict()))))


@router.get("/providers/{provider_id}", response=ProviderOut)
@may("providers.see")
def get_provider(request: HttpRequest, response: HttpResponse, provider_id: int) -> dict[str, Any]:
    return _tagged(response, Provider.objects.get(pk=provider_id))


@router.patch("/providers/{provider_id}", response=ProviderOut)
@may("providers.change")
def update_provider(
    request: HttpRequest, response: HttpResponse, provider_id: int, payload: ProviderChange
) -> dict[str, Any]:  # fmt: skip
    with transaction.atomic():
        provider = Provider.objects.get(pk=provider_id)
        check(request, services.describe(provider))
        fields = _fields(payload.dict(exclude_unset=True))
        return _tagged(response, services.update_provider(actor=_actor(request), provider=provider, **fields))


@router.delete("/providers/{provider_id}", response={204: None})
@may("providers.change")
def delete_provider(request: HttpRequest, provider_id: int) -> Status[None]:
    with transaction.atomic():
        provider = Provider.objects.get(pk=provider_id)
        check(request, services.describe(provider))
        services.delete_provider(actor=_actor(request), provider=provider)
    return Status(204, None)


def _fields(sent: dict[str, Any]) -> dict[str, Any]:
    return sent | {field: address_named(field, sent[field]) for field in ("signalling", "media") if field in sent}


def _tagged(response: HttpResponse, provider: Provider) -> dict[str, Any]:
    tag(response, services.describe(provider))
    return _provider(provider)


def _provider(provider: Provider) -> dict[str, Any]:
    return {"id": provider.pk} | services.describe(provider)


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)
