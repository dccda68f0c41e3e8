# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of people and remote maintenance: who there is, passes, what support does, and the button that ends it.

What needs a fresh proof of who one is (opening remote maintenance, accounts and their roles) no token can do.
"""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, cast

from django.http import HttpRequest
from ninja import Router, Schema, Status

from appliance.accounts import columns, queries, services
from appliance.accounts.models import MaintenanceWindow, User
from appliance.ui.requests import may

router = Router(tags=["people"])
SHOWN: Final = 50


class UserOut(Schema):
    """`works`: neither switched off nor ended."""

    id: int
    username: str
    role: str
    works: bool
    ends: datetime | None
    source: str
    second_factor: bool
    sessions: int
    last_login: datetime | None


class UserList(Schema):
    """`second_factor_demanded`: since when, of owners and administrators."""

    items: list[UserOut]
    count: int
    second_factor_demanded: datetime | None


class PassIn(Schema):
    username: str
    hours: int
    source: str = ""


class PassOut(Schema):
    """Link and code exist only here, and go to the technician by two ways."""

    id: int
    username: str
    ends: datetime
    url: str
    code: str


class WindowOut(Schema):
    id: int
    scope: str
    sources: list[str]
    reason: str
    started: datetime
    started_by: str
    ends: datetime
    ended: datetime | None
    ended_by: str


class WindowList(Schema):
    """`open` is the one that lets support in now."""

    open: WindowOut | None
    items: list[WindowOut]
    count: int


class Act(Schema):
    time: datetime
    actor: str
    source: str
    verb: str
    target: str
    words: str


class Report(WindowOut):
    acts: list[Act]
    changes: list[str]


@router.get("/users", response=UserList)
@may("users.see")
def list_users(request: HttpRequest) -> dict[str, Any]:
    items = [columns.person(user) for user in User.objects.order_by("role", "username")]
    return {"items": items, "count": len(items), "second_factor_demanded": queries.factor_demanded()}


@router.post("/passes", response={201: PassOut})
@may("users.change", fresh="session")
def create_pass(request: HttpRequest, payload: PassIn) -> Status[dict[str, Any]]:
    """A technician's account that ends by itself, after 1 to 168 hours."""
    lasts = timedelta(hours=min(max(payload.hours, 0), 10_000))
    made = services.create_pass(actor=_actor(request), username=payload.username, lasts=lasts, source=payload.source)
    return Status(201, columns.invitation(made))


@router.get("/maintenance", response=WindowList)
@may("maintenance.see")
def list_windows(request: HttpRequest) -> dict[str, Any]:
    window = queries.open_window()
    items = [columns.window(each) for each in MaintenanceWindow.objects.all()[:SHOWN]]
    return {"open": columns.window(window) if window else None, "items": items, "count": len(items)}


@router.get("/maintenance/{window_id}", response=Report)
@may("maintenance.see")
def get_report(request: HttpRequest, window_id: int) -> dict[str, Any]:
    """What support did, newest first, and how the configuration differs from what it was before."""
    return columns.report(MaintenanceWindow.objects.get(pk=window_id))


@router.post("/maintenance/{window_id}/end", response=WindowOut)
@may("maintenance.start")
def end_window(request: HttpRequest, window_id: int) -> dict[str, Any]:
    """At once: connections, sessions and links of support end."""
    window = MaintenanceWindow.objects.get(pk=window_id)
    return columns.window(services.close_window(actor=_actor(request), window=window))


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)
