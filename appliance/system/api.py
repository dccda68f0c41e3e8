# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of revisions, of applying, and of the appliance's health."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, cast

from django.http import HttpRequest
from ninja import Router, Schema, Status

from appliance.accounts.models import User
from appliance.live.control import EngineUnavailable, broker_answers
from appliance.privacy import counters
from appliance.sip import queries as sip
from appliance.system import queries, services
from appliance.system.models import Revision
from sipalg_core.contract import names

router = Router(tags=["system"])


class RevisionOut(Schema):
    number: int
    node: str
    author: str
    reason: str
    created: datetime
    state: Literal["pending", "applying", "applied", "failed", "superseded"]
    error: str
    applied_at: datetime | None
    duration: float | None


class RevisionDetail(RevisionOut):
    policy: dict[str, Any]
    nft: str


class RevisionList(Schema):
    items: list[RevisionOut]
    count: int


class ApplyIn(Schema):
    reason: str = ""


@router.get("/revisions", response=RevisionList)
def list_revisions(request: HttpRequest) -> dict[str, Any]:
    items = list(queries.revisions())
    return {"items": items, "count": len(items)}


@router.get("/revisions/{number}", response=RevisionDetail)
def get_revision(request: HttpRequest, number: int) -> Revision:
    return Revision.objects.get(node=names.NODE, number=number)


@router.post("/apply", response={202: RevisionOut})
def apply(request: HttpRequest, payload: ApplyIn) -> Status[Revision]:
    return Status(202, services.request_apply(actor=cast(User, request.user), reason=payload.reason))


# --- Health ---


class Part(Schema):
    ok: bool
    detail: str = ""


class Health(Schema):
    """`down`: no new call works; `degraded`: calls work, something else does not."""

    status: Literal["ok", "degraded", "down"]
    sentence: str
    details: list[str]
    engine: dict[str, Any]
    broker: Part
    redis: Part
    database: Part
    revision: int | None
    csp_reports: int


@router.get("/health", response=Health)
def health(request: HttpRequest) -> dict[str, Any]:
    telephony = sip.telephony()
    engine, broker = _engine(), _broker()
    redis, database = {"ok": queries.redis_answers()}, {"ok": queries.database_answers()}
    running = queries.running_revision()
    down = telephony.level == "error" or not (engine["ok"] and broker["ok"])
    healthy = redis["ok"] and database["ok"] and telephony.level != "warning"
    return {
        "status": "down" if down else "ok" if healthy else "degraded",
        "sentence": telephony.sentence,
        "details": list(telephony.details),
        "engine": engine,
        "broker": broker,
        "redis": redis,
        "database": database,
        "revision": running.number if running else None,
        "csp_reports": counters["csp_reports"],
    }


def _engine() -> dict[str, Any]:
    try:
        return {"ok": True, "detail": ""} | sip.engine_health()
    except EngineUnavailable as error:
        return {"ok": False, "detail": str(error)}


def _broker() -> dict[str, Any]:
    """Only the engine may ask the broker, so without the engine nothing is known of it."""
    try:
        return {"ok": broker_answers()}
    except EngineUnavailable:
        return {"ok": False, "detail": "The engine, which would know, does not answer."}
