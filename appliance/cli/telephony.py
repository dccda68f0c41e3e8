# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs of telephony: whether it works, calls, pinholes, registrations, bans and advice; fresh from the engine."""

from __future__ import annotations

import time
from argparse import ArgumentParser, Namespace
from datetime import UTC, datetime
from typing import Any, Final, cast

from django.core.exceptions import ValidationError
from django.forms.models import model_to_dict
from django.utils.translation import gettext as _

from appliance.advisor import reading
from appliance.audit.services import record_list, record_view
from appliance.cli.asking import ACTOR, Verb
from appliance.sip import queries, services
from appliance.sip.columns.selftests import report
from appliance.sip.columns.sentences import said
from appliance.sip.exports.text import summary, transcript
from appliance.sip.models import CallRecord
from sipalg_core.contract.events import CallRow, OpeningRow, PinholeRow, RegistrationRow

MOST: Final = 50


def status(_asked: Namespace) -> dict[str, Any]:
    """The sentence of the overview, and what else is worth a look."""
    found = queries.telephony()
    return {"level": found.level, "telephony": found.sentence, "details": list(found.details)}


def list_calls(asked: Namespace) -> list[Any]:
    record_list(actor=ACTOR, what="live calls", target=CallRecord(ident="live"))
    rows = cast("list[CallRow]", queries.snapshot("calls")["rows"])
    return rows if asked.json else [_call(row) for row in rows]


def show_call(asked: Namespace) -> Any:
    """Its messages, before and after, with the rule behind each change; secrets are masked always."""
    messages = queries.messages(asked.id)
    seen = queries.call_seen(asked.id)
    if not messages and seen is None:
        raise ValidationError({"id": [_("The engine does not know this call, or has forgotten it.")]})
    record_view(actor=ACTOR, what=f"call {asked.id}", target=CallRecord(ident=asked.id))
    call = seen.call if seen else None
    if asked.json:
        return {"call": call, "streams": seen.streams if seen else [], "messages": messages}
    return transcript(messages, summary(call)).rstrip()


def list_records(asked: Namespace) -> list[dict[str, Any]]:
    record_list(actor=ACTOR, what="call history", target=CallRecord(ident="history"))
    found = queries.records(text=asked.search, state="", days=None, faults=asked.faults)[: asked.most]
    if asked.json:
        return [model_to_dict(record) for record in found]
    return [
        {"ended": record.ended, "direction": record.direction, "from": record.from_number, "to": record.to_number,
         "state": record.state, "why": said(record.ending), "audio": said(record.verdict)}
        for record in found
    ]  # fmt: skip


def list_registrations(asked: Namespace) -> list[Any]:
    rows = cast("list[RegistrationRow]", queries.snapshot("registrations")["rows"])
    return rows if asked.json else [
        {"account": row["aor"], "state": row["state"], "phone": row["internal"], "provider": row["provider"],
         "asked": row["asked"], "granted": row["granted"], "due_in": _seconds(row["expires"]),
         "status": row["status"], "advice": said(row["advice"])}
        for row in rows
    ]  # fmt: skip


def list_pinholes(asked: Namespace) -> list[Any]:
    """With --closed what was open, too, the youngest first."""
    if asked.closed:
        openings = queries.ledger()[: asked.most]
        return openings if asked.json else [_opening(row) for row in openings]
    rows = cast("list[PinholeRow]", queries.snapshot("pinholes")["rows"])
    return rows if asked.json else [
        {"id": row["id"], "kind": row["kind"], "phone": row["internal"], "announced": row["mapped"],
         "peer": row["external"], "out": row["packets_out"], "in": row["packets_in"],
         "closes_in": _seconds(row["expires"]), "call": row["call"]}
        for row in rows
    ]  # fmt: skip


def close_pinhole(asked: Namespace) -> dict[str, Any]:
    services.close_pinhole(actor=ACTOR, pinhole=asked.id)
    return {"closed": asked.id}


def list_bans(_asked: Namespace) -> list[Any]:
    return queries.bans()


def lift_ban(asked: Namespace) -> dict[str, Any]:
    services.lift_ban(actor=ACTOR, host=asked.host)
    return {"lifted": asked.host}


def start_engine(_asked: Namespace) -> dict[str, Any]:
    services.start_engine(actor=ACTOR)
    return {"started": "engine"}


def selftest(asked: Namespace) -> Any:
    """Wait until it is over; its report, or with --json its results."""
    begun = services.request_selftest(actor=ACTOR)
    while begun.running:
        time.sleep(0.5)
        begun.refresh_from_db()
    if asked.json:
        return {"passed": begun.passed, "error": begun.error, "results": begun.results}
    return report(begun).rstrip()


def advice(_asked: Namespace) -> list[dict[str, Any]]:
    return [
        {
            "check": each.check, "severity": each.severity, "text": each.text, "evidence": each.evidence,
            "commands": each.commands, "id": each.id,
        }
        for each in reading.read().findings
    ]  # fmt: skip


# --- Their parts ---


def _call(row: CallRow) -> dict[str, Any]:
    end = row["ended"] or time.time()
    return {
        "id": row["id"], "direction": row["direction"], "state": row["state"], "seconds": round(end - row["since"]),
        "from": queries.party(row["from_uri"]), "to": queries.party(row["to_uri"]), "provider": row["provider"],
        "out": row["audio_out"]["packets"], "in": row["audio_in"]["packets"],
        "what": said(row["ending"] or row["verdict"]),
    }  # fmt: skip


def _opening(row: OpeningRow) -> dict[str, Any]:
    return {
        "opened": _moment(row["opened"]), "closed": _moment(row["closed"]), "why": row["why"],
        "phone": row["internal"], "announced": row["mapped"], "peer": row["external"],
        "out": row["packets_out"], "in": row["packets_in"], "call": row["call"],
    }  # fmt: skip


def _moment(t: float | None) -> datetime | None:
    return datetime.fromtimestamp(t, UTC) if t else None


def _seconds(until: float | None) -> int | None:
    return max(round(until - time.time()), 0) if until else None


# --- Their arguments ---


def _searching(parser: ArgumentParser) -> None:
    parser.add_argument("search", nargs="?", default="")
    parser.add_argument("--faults", action="store_true", help="only calls that something was wrong with")
    parser.add_argument("--most", type=int, default=MOST)


def _openings(parser: ArgumentParser) -> None:
    parser.add_argument("--closed", action="store_true", help="what was open of late, too")
    parser.add_argument("--most", type=int, default=MOST)


VERBS: Final = (
    Verb("status", "does telephony work, in a sentence", status),
    Verb("calls", "list calls that run, and those that ended a moment ago", list_calls),
    Verb("call", "a call's messages with every change and its rule", show_call, lambda p: p.add_argument("id")),
    Verb("history", "list calls that are over, newest first", list_records, _searching),
    Verb("registrations", "list what phones asked for and the provider granted", list_registrations),
    Verb("pinholes", "list what is open right now", list_pinholes, _openings),
    Verb("close-pinhole", "close one; its call goes on", close_pinhole, lambda p: p.add_argument("id")),
    Verb("bans", "list hosts whose signalling is not heard", list_bans),
    Verb("lift-ban", "hear a host again", lift_ban, lambda p: p.add_argument("host")),
    Verb("start-engine", "start the SIP engine where it does not answer", start_engine),
    Verb("selftest", "call oneself through an ALG of one's own, and report", selftest),
    Verb("advice", "what the advisor finds now", advice),
)
