# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of tests and captures: start one, read what it has said so far."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest
from ninja import Router, Schema, Status

from appliance.accounts.models import User
from appliance.firewall.api.references import checked
from appliance.kernel import told
from appliance.probes.results import Said
from appliance.system import services
from appliance.system.forms import TestForm
from appliance.ui.requests import may

router = Router(tags=["tests"])


class TestIn(Schema):
    """`kind`: options, dns, ping, trace, stun or capture; `seconds` are a capture's, and `call`, of which only the
    packets are taken."""

    kind: str
    host: str
    port: int | None = None
    transport: str = "udp"
    seconds: int | None = None
    call: str | None = None


class TestOut(Schema):
    id: str


class TestResults(Schema):
    """`code` says what, `params` fill it in; results are kept for an hour."""

    items: list[Said]
    count: int
    ended: bool


@router.post("/tests", response={202: TestOut})
@may("diagnose.run")
def start(request: HttpRequest, payload: TestIn) -> Status[Any]:
    form = checked(TestForm(payload.dict(exclude_none=True)))
    return Status(202, {"id": services.start_test(actor=cast(User, request.user), **form.cleaned_data)})


@router.get("/tests/{job}", response=TestResults)
@may("diagnose.run")
def results(request: HttpRequest, job: str) -> dict[str, Any]:
    heard = told.told(job)
    return {"items": heard.results, "count": len(heard.results), "ended": heard.ended}
