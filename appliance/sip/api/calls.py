# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of calls, pinholes and registrations, and of all that stands behind them; fresh from the engine."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

from django.forms.models import model_to_dict
from django.http import Http404, HttpRequest
from ninja import Router, Schema, Status

from appliance.accounts.models import User
from appliance.audit.services import record_list, record_view
from appliance.kernel import call_figures
from appliance.kernel.call_figures import Figures
from appliance.sip import queries, services
from appliance.ui.requests import may
from sipalg_core.contract.events import (
    BanRow,
    CallRow,
    MediaRow,
    MessageCount,
    OpeningRow,
    PinholeRow,
    RegistrationRow,
    Said,
    TraceRow,
    TransactionRow,
)

router = Router(tags=["telephony"])

RECORDS_AT_A_TIME: Final = 100


class BanList(Schema):
    items: list[BanRow]
    count: int


class CallList(Schema):
    items: list[CallRow]
    count: int


class CallDetail(Schema):
    """The call, its openings (`streams`), how many messages are kept of it, and loss and jitter of the last sample by
    direction (`in`: what the phone hears)."""

    call: CallRow | None
    streams: list[OpeningRow]
    messages: int
    measured: dict[str, Figures]


class MessageList(Schema):
    items: list[TraceRow]
    count: int


class Record(Schema):
    """A call that is over."""

    ident: str
    call_id: str
    direction: str
    from_number: str
    to_number: str
    internal: str
    provider: str
    state: str
    codec: str
    since: datetime
    answered: datetime | None
    ended: datetime
    packets_in: int
    packets_out: int
    media: list[MediaRow]
    ending: Said | None
    verdict: Said | None


class RecordList(Schema):
    items: list[Record]
    count: int


_RECORD: Final = tuple(Record.model_fields)


class PinholeList(Schema):
    items: list[PinholeRow]
    count: int


class OpeningList(Schema):
    items: list[OpeningRow]
    count: int


class RegistrationList(Schema):
    items: list[RegistrationRow]
    count: int


class TransactionList(Schema):
    items: list[TransactionRow]
    count: int


class Counters(Schema):
    """`messages` by side, method and status; `reasons` as the engine names them: `dropped:…`, `kernel:…`."""

    messages: list[MessageCount]
    reasons: dict[str, int]


def _list(rows: Sequence[Any]) -> dict[str, Any]:
    return {"items": rows, "count": len(rows)}


@router.get("/calls", response=CallList)
@may("calls.see")
def list_calls(request: HttpRequest) -> dict[str, Any]:
    record_list(actor=cast(User, request.user), what="live calls")
    return _list(queries.snapshot("calls")["rows"])


@router.get("/calls/history", response=RecordList)
@may("calls.see")
def list_records(
    request: HttpRequest, q: str = "", state: str = "", days: int = 0, faults: bool = False, offset: int = 0
) -> dict[str, Any]:
    """Calls that are over, the youngest first, a hundred at a time; `count` is all that the search finds."""
    record_list(actor=cast(User, request.user), what="call history")
    found = queries.records(text=q, state=state, days=days or None, faults=faults)
    start = max(offset, 0)
    items = [model_to_dict(record, _RECORD) for record in found[start : start + RECORDS_AT_A_TIME]]
    return {"items": items, "count": found.count()}


@router.get("/calls/{call_id}", response=CallDetail)
@may("calls.see")
def read_call(request: HttpRequest, call_id: str) -> dict[str, Any]:
    """By the `id` of its row; for some minutes after its end, too."""
    seen = queries.call_seen(call_id)
    if seen is None:
        raise Http404
    record_view(actor=cast(User, request.user), what=f"call {call_id}")
    return {"call": seen.call, "streams": seen.streams, "messages": len(seen.messages),
            "measured": call_figures.of(call_id)}  # fmt: skip


@router.get("/calls/{call_id}/messages", response=MessageList)
@may("calls.trace")
def list_messages(request: HttpRequest, call_id: str) -> dict[str, Any]:
    """Before and after, with every change and its rule. Secrets are masked always."""
    record_view(actor=cast(User, request.user), what=f"call {call_id}")
    return _list(queries.messages(call_id))


@router.get("/pinholes", response=PinholeList)
@may("calls.see")
def list_pinholes(request: HttpRequest) -> dict[str, Any]:
    return _list(queries.snapshot("pinholes")["rows"])


@router.get("/pinholes/ledger", response=OpeningList)
@may("calls.see")
def list_openings(request: HttpRequest) -> dict[str, Any]:
    """What is open and what was, the youngest first: who asked for it, for which line, why it closed."""
    return _list(queries.ledger())


@router.delete("/pinholes/{pinhole_id}", response={204: None})
@may("pinholes.close")
def close_pinhole(request: HttpRequest, pinhole_id: str) -> Status[None]:
    services.close_pinhole(actor=cast(User, request.user), pinhole=pinhole_id)
    return Status(204, None)


@router.post("/engine/start", response={202: None})
@may("engine.start")
def start_engine(request: HttpRequest) -> Status[None]:
    """Where it does not answer; it is back some moments later, with its calls."""
    services.start_engine(actor=cast(User, request.user))
    return Status(202, None)


@router.get("/bans", response=BanList)
@may("calls.see")
def list_bans(request: HttpRequest) -> dict[str, Any]:
    """Whose new signalling the kernel drops, for how many seconds more, and how much it was."""
    return _list(queries.bans())


@router.delete("/bans/{host}", response={204: None})
@may("bans.lift")
def lift_ban(request: HttpRequest, host: str) -> Status[None]:
    services.lift_ban(actor=cast(User, request.user), host=host)
    return Status(204, None)


@router.get("/registrations", response=RegistrationList)
@may("calls.see")
def list_registrations(request: HttpRequest) -> dict[str, Any]:
    return _list(queries.snapshot("registrations")["rows"])


@router.get("/transactions", response=TransactionList)
@may("calls.trace")
def list_transactions(request: HttpRequest) -> dict[str, Any]:
    """The requests under way, the youngest first."""
    return _list(queries.transactions())


@router.get("/counters", response=Counters)
@may("overview.see")
def read_counters(request: HttpRequest) -> dict[str, Any]:
    return {"messages": queries.message_counts(), "reasons": queries.engine_health()["counters"]}
