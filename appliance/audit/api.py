# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of the audit log: what was written down, and whether it holds."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Final, cast

from django.http import HttpRequest
from ninja import Query, Router, Schema

from appliance.accounts.models import User
from appliance.audit import queries, services
from appliance.audit.columns import words
from appliance.ui.requests import may

router = Router(tags=["people"])
MOST: Final = 1000


class Wanted(Schema):
    """`before`: only entries with a smaller number, to go on where an answer ended. `verb`: raw, or its words."""

    words: str = ""
    actor: str = ""
    verb: str = ""
    since: date | None = None
    until: date | None = None
    before: int | None = None


class EntryOut(Schema):
    """As it was written, and `words` in the language that was asked for."""

    sequence: int
    time: datetime
    actor: str
    source: str
    verb: str
    target: str
    words: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    reason: str
    hash: str


class EntryList(Schema):
    items: list[EntryOut]
    count: int


class Checked(Schema):
    """`sequence` and `why` of the first entry that does not fit."""

    holds: bool
    sequence: int | None = None
    why: str = ""


@router.get("/audit", response=EntryList)
@may("audit.export")
def list_entries(request: HttpRequest, wanted: Query[Wanted]) -> dict[str, Any]:
    """Newest first, a thousand at most. Who takes them is in the log as well, once an hour."""
    services.record_list(actor=cast(User, request.user), what="audit log")
    found = queries.entries(wanted.dict(exclude={"before"}))
    if wanted.before is not None:
        found = found.filter(sequence__lt=wanted.before)
    items = [queries.plain(each) | {"words": words(each)} for each in found[:MOST]]
    return {"items": items, "count": len(items)}


@router.get("/audit/check", response=Checked)
@may("audit.see")
def check(request: HttpRequest) -> dict[str, Any]:
    """Of the whole chain and its copy on the disk, now."""
    broken = services.verify() or services.verify_copy()
    return {"holds": broken is None} | (broken._asdict() if broken else {})
