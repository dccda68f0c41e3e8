# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of connections: what the kernel tracks, what the rules say of it now, and closing it."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status

from appliance.accounts.models import User
from appliance.firewall.api.references import checked
from appliance.kernel.connections import Selection
from appliance.system import queries, services
from appliance.system.api.revisions import RevisionOut
from appliance.system.forms import SelectionForm
from appliance.ui.requests import may

router = Router(tags=["connections"])


class SelectionIn(Schema):
    """All that is given must hold. `address` and `rule` are ids; `old` is what the rules would not allow now."""

    host: str = ""
    port: int | None = None
    protocol: str = ""
    zone: str = ""
    address: int | None = None
    rule: int | None = None
    old: bool = False
    calls: bool = False
    ids: list[int] | None = None


class FlushIn(SelectionIn):
    """`with_calls` closes media of running calls as well."""

    with_calls: bool = False


class PhonesIn(Schema):
    """Of one host, or of all that SIP rules name."""

    host: str = ""
    with_calls: bool = False


class ConnectionOut(Schema):
    """`translated_…` where the packets get another address; `rule` is what decides about it now."""

    id: int
    protocol: str
    source: str
    sport: int | None
    destination: str
    dport: int | None
    translated_source: str
    translated_sport: int | None
    translated_destination: str
    translated_dport: int | None
    from_zone: str
    to_zone: str
    state: str
    timeout: int
    packets: int | None
    call: bool
    verdict: str
    rule: str
    dnat: str
    snat: str


class ConnectionList(Schema):
    """At most 500 items; `count` says how many there are."""

    items: list[ConnectionOut]
    count: int


class FlushedOut(Schema):
    """`spared` counts calls."""

    closed: int
    spared: int


@router.get("/connections", response=ConnectionList)
@may("traffic.see")
def list_connections(request: HttpRequest, asked: Query[SelectionIn]) -> dict[str, Any]:
    found = queries.connections(_selection(asked))
    return {"items": found["items"], "count": found["total"]}


@router.post("/connections/flush", response=FlushedOut)
@may("connections.flush")
def flush(request: HttpRequest, payload: FlushIn) -> dict[str, int]:
    selection = _selection(payload)
    actor = cast(User, request.user)
    return services.flush_connections(actor=actor, selection=selection, calls=payload.with_calls)._asdict()


@router.post("/connections/flush-phones", response=FlushedOut)
@may("connections.flush_phones")
def flush_phones(request: HttpRequest, payload: PhonesIn) -> dict[str, int]:
    """Of telephones and telephone systems, that is of who a SIP rule lets out."""
    actor = cast(User, request.user)
    form = checked(SelectionForm({"host": payload.host}))
    flushed = services.flush_phones(actor=actor, host=form.cleaned_data["host"], calls=payload.with_calls)
    return flushed._asdict()


@router.post("/revisions/{number}/flush-old", response=FlushedOut)
@may("connections.flush")
def flush_old(request: HttpRequest, number: int) -> dict[str, int]:
    """What this revision, which must run, would not allow or would translate differently; calls go on."""
    revision = queries.revisions().get(number=number)
    return services.close_old_connections(actor=cast(User, request.user), revision=revision)._asdict()


@router.post("/revisions/{number}/flush-old-later", response={202: RevisionOut})
@may("connections.flush")
def flush_old_later(request: HttpRequest, number: int) -> Status[Any]:
    """The same when no call is left."""
    revision = queries.revisions().get(number=number)
    return Status(202, services.close_when_calls_end(actor=cast(User, request.user), revision=revision))


def _selection(asked: SelectionIn) -> Selection:
    form = checked(SelectionForm(asked.dict(exclude_none=True)))
    return replace(form.selection(), ids=tuple(asked.ids) if asked.ids is not None else None)
