# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of notices: whom to tell, a test, what was sent, and a request to those who may."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, cast

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from ninja import Router, Schema

from appliance.accounts.models import User
from appliance.system import queries, services
from appliance.ui.etags import check, tag
from appliance.ui.requests import may

router = Router(tags=["notices"])


class NoticeChange(Schema):
    """Only what is sent changes; a secret that is null goes."""

    inside: bool = False
    before_minutes: int = 60
    email_to: list[str] = []
    email_from: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    smtp_user: str = ""
    smtp_password: str | None = ""
    webhook_url: str = ""
    webhook_secret: str | None = ""
    syslog_host: str = ""
    syslog_port: int = 514
    syslog_protocol: Literal["udp", "tcp"] = "udp"


class NoticeOut(Schema):
    key: str
    kind: str
    level: str
    subject: str
    text: str
    created: datetime
    deliveries: dict[str, Any]
    done: bool


class RequestIn(Schema):
    """`permission` is a word of the table of permissions, such as rules.delete; `page` a path of the console."""

    permission: str
    reason: str = ""
    page: str = "/"


class RequestOut(Schema):
    """`asked` are some of those who may."""

    asked: list[str]


class NoticeList(Schema):
    items: list[NoticeOut]
    count: int


@router.get("/notices", response=NoticeList)
@may("notices.see")
def list_notices(request: HttpRequest) -> dict[str, Any]:
    """The newest hundred."""
    items = list(queries.notices()[:100])
    return {"items": items, "count": len(items)}


@router.get("/notices/settings", response=dict[str, Any])
@may("notices.see")
def get_settings(request: HttpRequest, response: HttpResponse) -> dict[str, Any]:
    """Of secrets only whether there are any. The ETag, sent as If-Match, guards a change against lost updates."""
    return _tagged(response, services.describe_notice_settings(services.notice_settings()))


@router.patch("/notices/settings", response=dict[str, Any])
@may("notices.change")
def change_settings(request: HttpRequest, response: HttpResponse, payload: NoticeChange) -> dict[str, Any]:
    sent = payload.dict(exclude_unset=True)
    with transaction.atomic():
        check(request, services.describe_notice_settings(services.notice_settings()))
        saved = services.save_notice_settings(actor=cast(User, request.user), **sent)
        return _tagged(response, services.describe_notice_settings(saved))


def _tagged(response: HttpResponse, described: dict[str, Any]) -> dict[str, Any]:
    tag(response, described)
    return described


@router.post("/notices/requests", response=RequestOut)
@may("account.own")
def send_request(request: HttpRequest, payload: RequestIn) -> dict[str, Any]:
    """Ask those who may for what you may not: a notice for them. Once an hour for each thing, five in all."""
    asked = services.send_request(
        actor=cast(User, request.user), permission=payload.permission, reason=payload.reason, page=payload.page,
        origin=request.build_absolute_uri("/").rstrip("/"),
    )  # fmt: skip
    return {"asked": asked}


@router.post("/notices/test", response=dict[str, str])
@may("notices.change")
def test(request: HttpRequest) -> dict[str, str]:
    """What each channel answered; "" where it went out."""
    return services.send_test(actor=cast(User, request.user))
