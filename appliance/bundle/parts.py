# SPDX-License-Identifier: GPL-2.0-or-later
"""What a support bundle may hold: the table of parts, and each of them as the octets that would go out.

Passwords and secrets are in none of them. Numbers, names and addresses are made up, the same for the same in all parts,
unless somebody wants the real ones.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from appliance.advisor.reading import read
from appliance.backup import document, entry
from appliance.kernel import kept_lines
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.live.control import EngineUnavailable
from appliance.sip import queries
from appliance.sip.exports.pcap import capture
from appliance.sip.exports.pseudonyms import Pseudonyms
from appliance.sip.exports.text import summary, transcript
from appliance.sip.models import CallRecord
from appliance.system.queries import revisions, running_revision
from sipalg_core.contract.events import TraceRow

LOG_LINES: Final = 500
REVISIONS: Final = 20
_FREE_TEXT: Final = ("comment", "reason")
"""Of the configuration: what people have written may say anything, and is left out."""


class Subject:
    """One call, asked of the engine once; `known` are the pseudonyms, None where everything is as it is."""

    def __init__(self, call_id: str, *, real: bool) -> None:
        self.call_id = call_id
        self.seen, self.silent = _seen(call_id)
        self.record = CallRecord.objects.filter(ident=call_id).first()
        self.known = None if real else Pseudonyms()
        messages = queries.messages(call_id) if self.seen else []
        self.messages: list[TraceRow] = self.known.messages(messages) if self.known else messages

    def text(self, text: str) -> bytes:
        return (self.known.text(text) if self.known else text).encode()

    def json(self, plain: Any) -> bytes:
        return self.text(json.dumps(plain, indent=2, ensure_ascii=False, default=str) + "\n")

    def hosts(self) -> set[str]:
        streams = self.seen.streams if self.seen else []
        ends = {end for row in streams for end in (row["internal"], row["external"], row["mapped"])}
        return {end.rpartition(":")[0].strip("[]") for end in ends}


def _seen(call_id: str) -> tuple[queries.CallSeen | None, bool]:
    """And whether the engine is silent: then a bundle is needed most."""
    try:
        return queries.call_seen(call_id), False
    except EngineUnavailable:
        return None, True


def _overview(subject: Subject) -> bytes:
    running = running_revision()
    lines = [
        f"Pinhole {document.PRODUCT}, Linux {platform.release()}, {timezone.now().isoformat(timespec='seconds')}",
        f"Running revision: {running.number if running else 'none'}",
        *summary(subject.seen.call if subject.seen else None),
    ]
    if subject.record and not (subject.seen and subject.seen.call):
        lines += [f"{each.get('text', each['code'])}" for each in subject.record.said]
    return subject.text("\n".join(lines) + "\n")


def _messages(subject: Subject) -> bytes:
    return transcript(subject.messages).encode() if subject.messages else b""


def _capture(subject: Subject) -> bytes:
    return capture(subject.messages) if subject.messages else b""


def _openings(subject: Subject) -> bytes:
    rows = queries.ledger(subject.call_id)
    return subject.json([{k: v for k, v in row.items() if k != "call_id"} for row in rows]) if rows else b""


def _health(subject: Subject) -> bytes:
    return subject.json({"health": queries.engine_health(), "messages": queries.message_counts()})


def _configuration(subject: Subject) -> bytes:
    plain = entry.collect().model_dump(mode="json")
    if subject.known:
        for rows in plain.values():
            for row in rows if isinstance(rows, list) else ():
                row.update({name: "" for name in _FREE_TEXT if name in row})
    return subject.json(plain)


def _advice(subject: Subject) -> bytes:
    found = [
        {"id": each.id, "severity": each.severity, "text": each.text, "evidence": each.evidence}
        for each in read().findings
    ]
    return subject.json(found)


def _log(subject: Subject) -> bytes:
    hosts = subject.hosts()
    lines = [line for line in kept_lines.found() if line["saddr"] in hosts or line["daddr"] in hosts]
    return subject.json(lines[:LOG_LINES]) if lines else b""


def _changes(subject: Subject) -> bytes:
    rows = [
        {"number": each.number, "state": each.state, "created": each.created, "error": each.error}
        for each in revisions()[:REVISIONS]
    ]
    return subject.json(rows)


@dataclass(frozen=True)
class Part:
    word: str
    label: str | Promise
    file: str
    make: Callable[[Subject], bytes]
    text: bool = True


PARTS: Final = (
    Part("overview", _("What it is about: the call in short, versions"), "overview.txt", _overview),
    Part("messages", _("The messages of the call, before and after"), "messages.txt", _messages),
    Part("capture", _("The same as a capture"), "messages.pcap", _capture, text=False),
    Part("openings", _("The openings of the call, with packets"), "openings.json", _openings),
    Part("log", _("What was dropped of the hosts of the call"), "log.json", _log),
    Part("health", _("The engine’s counters"), "health.json", _health),
    Part("advice", _("What the advisor says"), "advice.json", _advice),
    Part("changes", _("The last revisions and their errors"), "revisions.json", _changes),
    Part("configuration", _("The configuration, without secrets"), "configuration.json", _configuration),
)


class Piece(NamedTuple):
    """`content` is empty where there is nothing, or where nobody could say: then `missing` tells why."""

    part: Part
    content: bytes
    missing: str

    @property
    def shown(self) -> str:
        return self.content.decode("utf-8", "replace") if self.part.text else ""


def pieces(call_id: str, *, real: bool) -> list[Piece] | None:
    """All parts of what a bundle on this call could hold, in English; None where there is no such call."""
    with override("en"):
        subject = Subject(call_id, real=real)
        if subject.seen is None and subject.record is None and not subject.silent:
            return None
        return [_piece(part, subject) for part in PARTS]


def _piece(part: Part, subject: Subject) -> Piece:
    try:
        return Piece(part, part.make(subject), "")
    except (EngineUnavailable, NetadminUnavailable) as error:
        return Piece(part, b"", str(error))
