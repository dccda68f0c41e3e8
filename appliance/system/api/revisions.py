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
from appliance.ruleset.findings import said
from appliance.sip import queries as sip
from appliance.system import queries, services
from appliance.system.models import Revision
from appliance.ui.requests import access, may

router = Router(tags=["system"])


class RevisionOut(Schema):
    number: int
    node: str
    author: str
    reason: str
    created: datetime
    state: Literal["pending", "applying", "waiting", "applied", "rolled_back", "failed", "superseded"]
    error: str
    applied_at: datetime | None
    confirm_within: int
    deadline: datetime | None
    duration: float | None
    old_connections: dict[str, Any]


class RevisionDetail(RevisionOut):
    policy: dict[str, Any]
    nft: str


class RevisionList(Schema):
    items: list[RevisionOut]
    count: int


class FindingOut(Schema):
    level: Literal["error", "warning", "hint"]
    code: str
    text: str
    rule: int | None


class Compared(Schema):
    """In words, and as the lines of a unified diff of nft's text."""

    changes: list[str]
    nft: list[str]


class Draft(Compared):
    """What *apply* would change; an error among the findings stops it."""

    findings: list[FindingOut]


class ApplyIn(Schema):
    """`confirm_within` seconds (30 to 600): without `keep` in that time the kernel goes back. 0: no trial."""

    reason: str = ""
    confirm_within: int = 0


@router.get("/revisions", response=RevisionList)
@may("changes.see")
def list_revisions(request: HttpRequest) -> dict[str, Any]:
    items = list(queries.revisions())
    return {"items": items, "count": len(items)}


@router.get("/revisions/{number}", response=RevisionDetail)
@may("changes.see")
def get_revision(request: HttpRequest, number: int) -> Revision:
    return _revision(number)


@router.get("/revisions/{number}/compare", response=Compared)
@may("changes.see")
def compare_revision(request: HttpRequest, number: int, since: int) -> dict[str, Any]:
    """What revision `number` changed since revision `since`."""
    changes, nft = queries.changes_of(_revision(number), _revision(since))
    return {"changes": [change.text for change in changes], "nft": nft}


@router.get("/changes", response=Draft)
@may("changes.see")
def draft(request: HttpRequest) -> dict[str, Any]:
    """A dry run of *apply*: nothing is changed."""
    return {
        "changes": [change.text for change in queries.pending_changes()],
        "nft": queries.pending_nft(),
        "findings": [said(each) for each in queries.findings(access(request))],
    }


@router.post("/apply", response={202: RevisionOut})
@may("changes.apply")
def apply(request: HttpRequest, payload: ApplyIn) -> Status[Revision]:
    return Status(202, services.request_apply(actor=_actor(request), access=access(request), **payload.dict()))


@router.post("/revisions/{number}/keep", response={202: RevisionOut})
@may("changes.apply")
def keep(request: HttpRequest, number: int) -> Status[Revision]:
    return Status(202, services.keep(actor=_actor(request), revision=_revision(number)))


@router.post("/revisions/{number}/extend", response={202: RevisionOut})
@may("changes.apply")
def extend(request: HttpRequest, number: int) -> Status[Revision]:
    return Status(202, services.extend(actor=_actor(request), revision=_revision(number)))


@router.post("/revisions/{number}/undo", response={202: RevisionOut})
@may("changes.apply")
def undo(request: HttpRequest, number: int) -> Status[Revision]:
    return Status(202, services.undo(actor=_actor(request), revision=_revision(number)))


@router.post("/revisions/{number}/go-back", response=RevisionOut)
@may("changes.apply")
def go_back(request: HttpRequest, number: int) -> Revision:
    """The draft becomes the configuration of that revision; apply it as any other."""
    revision = _revision(number)
    services.go_back(actor=_actor(request), revision=revision)
    return revision


def _revision(number: int) -> Revision:
    return queries.revisions().get(number=number)


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)


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
@may("overview.see")
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
