# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of the ALG's settings, for all providers and for one. They are configuration: an apply puts them in force.

The ETag is of all values of a list, those that it inherits too: send it as If-Match with a change.
"""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from typing import Any, cast

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema

from appliance.accounts.models import User
from appliance.sip import queries, services
from appliance.sip.models import Provider
from appliance.sip.queries import Template
from appliance.ui.etags import check, tag
from appliance.ui.requests import may

router = Router(tags=["telephony"])


class SettingOut(Schema):
    """`origin`: `default`, `all` (set for all providers) or `own` (set here)."""

    path: str
    group: str
    label: str
    sentence: str
    change_only_if: str
    range: str
    value: Any
    inherited: Any
    origin: str


class SettingList(Schema):
    items: list[SettingOut]
    count: int


class SettingsChange(Schema):
    """`values` by path; `reset` lists the paths that are to inherit again."""

    values: dict[str, Any] = {}
    reset: list[str] = []


class TemplateOut(Schema):
    key: str
    name: str
    registrar: str
    transports: str
    media: str
    symmetric_media: bool
    source: str
    date: str


class TemplateList(Schema):
    items: list[TemplateOut]
    count: int


@router.get("/alg/settings", response=SettingList)
@may("alg.see")
def list_settings(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    return _tagged(response, None)


@router.patch("/alg/settings", response=SettingList)
@may("alg.change")
def change_settings(request: HttpRequest, response: HttpResponse, payload: SettingsChange) -> dict[str, Any]:
    return _changed(request, response, payload, None)


@router.get("/providers/{provider_id}/settings", response=SettingList)
@may("providers.see")
def list_provider_settings(request: HttpRequest, response: HttpResponse, provider_id: int) -> dict[str, Any]:
    return _tagged(response, Provider.objects.get(pk=provider_id))


@router.patch("/providers/{provider_id}/settings", response=SettingList)
@may("alg.change")
def change_provider_settings(
    request: HttpRequest, response: HttpResponse, provider_id: int, payload: SettingsChange
) -> dict[str, Any]:  # fmt: skip
    return _changed(request, response, payload, Provider.objects.get(pk=provider_id))


@router.get("/provider-templates", response=TemplateList)
@may("providers.see")
def list_templates(request: HttpRequest) -> dict[str, Any]:
    found: list[Template] = list(queries.templates().values())
    return {"items": [each._asdict() for each in found], "count": len(found)}


def _changed(
    request: HttpRequest, response: HttpResponse, payload: SettingsChange, provider: Provider | None
) -> dict[str, Any]:  # fmt: skip
    """All of it, or nothing."""
    actor = cast(User, request.user)
    with transaction.atomic():
        check(request, _seen(_listed(provider)))
        if payload.reset:
            services.reset_settings(actor=actor, paths=payload.reset, provider=provider)
        if payload.values:
            services.change_settings(actor=actor, values=payload.values, provider=provider)
        return _tagged(response, provider)


def _tagged(response: HttpResponse, provider: Provider | None) -> dict[str, Any]:
    listed = _listed(provider)
    tag(response, _seen(listed))
    return listed


def _seen(listed: dict[str, Any]) -> dict[str, Any]:
    """What the ETag is of: no word of it is of the reader's language."""
    return {item["path"]: (item["value"], item["inherited"], item["origin"]) for item in listed["items"]}


def _listed(provider: Provider | None) -> dict[str, Any]:
    items = [
        {
            "path": each.setting.path,
            "group": str(group.title),
            "label": str(each.setting.label),
            "sentence": str(each.setting.sentence),
            "change_only_if": str(each.setting.change_only_if),
            "range": each.setting.range,
            "value": each.value,
            "inherited": each.inherited,
            "origin": each.origin,
        }
        for group, settings in queries.standing(provider)
        for each in settings
    ]
    return {"items": items, "count": len(items)}
