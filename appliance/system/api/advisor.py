# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of the advisor: its findings now, and letting one be."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, cast

from django.http import HttpRequest
from django.urls import reverse
from ninja import Router, Schema, Status

from appliance.accounts.models import User
from appliance.advisor.finding import Fix
from appliance.advisor.reading import finding as finding_of
from appliance.advisor.reading import read
from appliance.system import services
from appliance.system.models import Ignored
from appliance.ui.requests import may
from appliance.ui.templatetags.ui import address_of

router = Router(tags=["advisor"])


class FixOut(Schema):
    """`draft`: POST …/fix makes it one; else `page` is where it can be done."""

    label: str
    draft: bool
    page: str


class FindingOut(Schema):
    """`fixable`: POST …/fix drafts the change that it proposes. `commands` are for root on the device itself, where no
    draft can do it. `page` shows it, `help` explains it."""

    id: str
    check: str
    severity: Literal["error", "warning", "hint"]
    text: str
    why: str
    evidence: list[str]
    fixable: bool
    fixes: list[FixOut]
    commands: list[str]
    page: str
    help: str


class CheckOut(Schema):
    """`made`: it could be made now; `last` is when it last was."""

    id: str
    severity: Literal["error", "warning", "hint"]
    title: str
    looks_at: str
    help: str
    made: bool
    last: datetime | None


class IgnoredOut(Schema):
    id: int
    finding: str
    reason: str
    author: str
    since: datetime
    until: datetime | None


class AdviceOut(Schema):
    """`missed` are checks whose evidence could not be had: they were not made."""

    items: list[FindingOut]
    count: int
    ignored: list[IgnoredOut]
    made: list[str]
    missed: list[str]
    checks: list[CheckOut]


class IgnoreIn(Schema):
    reason: str
    until: datetime | None = None


@router.get("/advisor", response=AdviceOut)
@may("advisor.see")
def advisor(request: HttpRequest) -> dict[str, Any]:
    advised = read()
    items = [
        {
            "id": each.id, "check": each.check, "severity": each.severity, "text": each.text, "why": each.why,
            "evidence": each.evidence, "fixable": each.draft is not None, "fixes": [_fix(fix) for fix in each.fixes],
            "commands": each.commands,
            "page": f"{reverse('system:advisor')}#{each.id}", "help": reverse("ui:help_page", args=[each.help]),
        }
        for each in advised.findings
    ]  # fmt: skip
    checks = [
        {
            "id": check.id, "severity": check.severity, "title": str(check.title), "looks_at": str(check.looks_at),
            "help": reverse("ui:help_page", args=[check.help]), "made": made, "last": last,
        }
        for check, made, last in advised.checks
    ]  # fmt: skip
    return {
        "items": items, "count": len(items), "ignored": advised.ignored,
        "made": [check.id for check in advised.made], "missed": [check.id for check in advised.missed],
        "checks": checks,
    }  # fmt: skip


def _fix(fix: Fix) -> dict[str, Any]:
    return {"label": fix.label, "draft": fix.is_draft, "page": "" if fix.is_draft else address_of(fix)}


@router.post("/advisor/{finding}/ignore", response={201: IgnoredOut})
@may("advisor.change")
def ignore(request: HttpRequest, finding: str, payload: IgnoreIn) -> Status[Ignored]:
    ignored = services.ignore_finding(actor=cast(User, request.user), finding=finding, **payload.dict())
    return Status(201, ignored)


@router.delete("/advisor/ignored/{ident}", response={204: None})
@may("advisor.change")
def mind(request: HttpRequest, ident: int) -> Status[None]:
    services.mind_finding(actor=cast(User, request.user), ignored=Ignored.objects.get(pk=ident))
    return Status(204, None)


@router.post("/advisor/{finding}/fix", response={204: None})
@may("rules.change")
def fix(request: HttpRequest, finding: str) -> Status[None]:
    """The change that the finding proposes, as a draft."""
    found = finding_of(finding)
    if found is None:
        raise Ignored.DoesNotExist
    services.draft_fix(actor=cast(User, request.user), finding=found)
    return Status(204, None)
