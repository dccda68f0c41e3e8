# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of the self-test: start one, follow it, read its results."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from django.http import HttpRequest
from ninja import Router, Schema, Status

from appliance.accounts.models import User
from appliance.sip import queries, services
from appliance.sip.models import SelfTest
from appliance.ui.requests import may

router = Router(tags=["self-test"])


class ResultOut(Schema):
    flow: str
    title: str
    ok: bool
    seconds: float
    detail: str


class SelfTestOut(Schema):
    """`of` is 0 until the first result is there."""

    id: int
    asked_by: str
    asked: datetime
    finished: datetime | None
    running: bool
    passed: bool
    of: int
    error: str
    results: list[ResultOut]


class SelfTestList(Schema):
    items: list[SelfTestOut]
    count: int


@router.get("/selftests", response=SelfTestList)
@may("diagnose.run")
def list_selftests(request: HttpRequest) -> dict[str, Any]:
    items = list(queries.selftests())
    return {"items": items, "count": len(items)}


@router.post("/selftests", response={202: SelfTestOut})
@may("diagnose.run")
def start(request: HttpRequest) -> Status[SelfTest]:
    return Status(202, services.request_selftest(actor=cast(User, request.user)))


@router.get("/selftests/{ident}", response=SelfTestOut)
@may("diagnose.run")
def get(request: HttpRequest, ident: int) -> SelfTest:
    return queries.selftests().get(pk=ident)
