# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of interfaces."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Schema

from appliance.network.queries import interfaces
from appliance.network.services import describe
from appliance.ui.requests import may

router = Router(tags=["network"])


class InterfaceOut(Schema):
    id: int
    name: str
    role: str
    addresses: list[str]
    masquerade: bool


class InterfaceList(Schema):
    items: list[InterfaceOut]
    count: int


@router.get("/interfaces", response=InterfaceList)
@may("network.see")
def list_interfaces(request: HttpRequest) -> dict[str, Any]:
    items = [{"id": interface.pk} | describe(interface) for interface in interfaces()]
    return {"items": items, "count": len(items)}
