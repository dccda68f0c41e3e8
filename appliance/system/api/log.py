# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of the live log: what the kernel decided a moment ago, and by which rule."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from appliance.kernel import kept_lines
from appliance.kernel.lines import Line
from appliance.system import columns, queries
from appliance.ui.requests import may

router = Router(tags=["log"])


class LogIn(Schema):
    """Every word of `q` must occur, one with `-` in front must not; `dport:5060` or `-saddr:192.0.2.1` is exact."""

    q: str = Field("", max_length=400)
    limit: int = Field(200, ge=1, le=kept_lines.MOST)


class LineOut(Line):
    by: str
    """Who decided, in words: a rule's name, the default, the ALG and its reason."""


class LogOut(Schema):
    """Newest first. `listening` says whether the kernel is heard, `unavailable` why not."""

    items: list[LineOut]
    count: int
    listening: bool
    unavailable: str


@router.get("/log", response=LogOut)
@may("traffic.see")
def list_lines(request: HttpRequest, asked: Query[LogIn]) -> dict[str, Any]:
    """Drops and rejects always, accepted connections where their rule is logged; a few seconds of a flood at most."""
    words = columns.decider_words(queries.rule_names())
    items = [line | {"by": words.get(line["rule"], "")} for line in kept_lines.found(asked.q, asked.limit)]
    state = kept_lines.listening()
    return {"items": items, "count": len(items), "listening": state.heard, "unavailable": state.error}
