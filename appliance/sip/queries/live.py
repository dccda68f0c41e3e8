# SPDX-License-Identifier: GPL-2.0-or-later
"""What the engine tells of calls, pinholes and registrations, and the one sentence on whether telephony works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, cast

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appliance.firewall.models import Application, Rule
from appliance.live.control import EngineUnavailable, broker_answers, engine_items, engine_snapshot
from appliance.sip.columns.sentences import level, said
from appliance.sip.models import Provider
from appliance.sip.queries.history import party
from appliance.system.queries import pending_changes, running_revision
from sipalg_core.contract.events import (
    BanRow,
    CallRow,
    HealthRow,
    LookedAtRow,
    MessageCount,
    MessageRow,
    OpeningRow,
    RegistrationRow,
    Snapshot,
    StreamRow,
    Topic,
    TraceRow,
    TransactionRow,
)

Level = Literal["ok", "hint", "warning", "error"]

FAULTS_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Telephony:
    """`sentence` answers the question; `details` are what else is worth a look, `why` is a page of the help."""

    level: Level
    sentence: str
    details: tuple[str, ...] = ()
    why: str = ""
    registered: int = 0  # accounts, where telephony works


def providers() -> QuerySet[Provider]:
    return Provider.objects.select_related("signalling", "media")


def snapshot(topic: Topic) -> Snapshot:
    """Fresh from the engine; raise EngineUnavailable after half a second."""
    return engine_snapshot(topic)


@dataclass(frozen=True, slots=True)
class CallSeen:
    """One call as the engine knows it; `call` is None where only its messages are left."""

    call: LookedAtRow | None
    messages: list[MessageRow]
    streams: list[StreamRow]


def call_seen(ident: str) -> CallSeen | None:
    """None where the engine has forgotten it."""
    parts = engine_items("call", call=ident)
    if not parts:
        return None
    by_part = {kind: [part for part in parts if part["part"] == kind] for kind in ("call", "message", "stream")}
    call = cast("list[LookedAtRow]", by_part["call"])
    messages, streams = cast("list[MessageRow]", by_part["message"]), cast("list[StreamRow]", by_part["stream"])
    return CallSeen(call[0] if call else None, messages, streams)


def ends_of(ident: str) -> list[tuple[str, int]]:
    """Where a call's packets come from and go to, on both sides of us: the phone's addresses and ours, with ports.

    [] where the engine has forgotten the call.
    """
    seen = call_seen(ident)
    if seen is None or seen.call is None:
        return []
    ours = [each["sent_from"] if each["side"] == "internal" else each["destination"] for each in seen.messages]
    media = [end for each in seen.streams for end in (each["internal"], each["mapped"])]
    found: dict[tuple[str, int], None] = {}
    for end in (seen.call["internal"], *ours, *media):
        host, _colon, port = end.rpartition(":")
        if port.isdecimal() and int(port):
            found[host.strip("[]"), int(port)] = None
    return list(found)


def messages(call: str) -> list[TraceRow]:
    """With their texts; [] where none are kept."""
    return cast("list[TraceRow]", engine_items("trace", call=call))


def ledger(call: str = "") -> list[OpeningRow]:
    return cast("list[OpeningRow]", engine_items("ledger", call=call))


def bans() -> list[BanRow]:
    """Who the kernel does not hear; whose ban lasts longest stands first."""
    return cast("list[BanRow]", engine_items("bans"))


def transactions() -> list[TransactionRow]:
    return cast("list[TransactionRow]", engine_items("transactions"))


def message_counts() -> list[MessageCount]:
    return cast("list[MessageCount]", engine_items("counters"))


def engine_health() -> HealthRow:
    rows = snapshot("health")["rows"]
    if not rows:
        raise EngineUnavailable(_("The SIP engine does not answer. Running calls continue; new calls get no openings."))
    return cast(HealthRow, rows[0])


def telephony(changes: int | None = None) -> Telephony:
    """The first thing that stops calls decides the sentence; `changes` wait to be applied, if the caller knows."""
    try:
        health = engine_health()
        registrations = cast("list[RegistrationRow]", snapshot("registrations")["rows"])
        wrong = _wrong(cast("list[CallRow]", snapshot("calls")["rows"])) if health["calls"] else []
        broker = broker_answers()
    except EngineUnavailable as error:
        sentence = _("The SIP engine does not answer. Running calls continue; new calls get no openings.")
        return Telephony("error", sentence, (str(error),), "engine-stopped")
    if not broker:
        return Telephony(
            "error", _("The pinhole broker does not answer. Running calls continue; new calls get no audio.")
        )
    return _closed(health) or _working(health, registrations, wrong, changes)


def _closed(health: HealthRow) -> Telephony | None:
    """What the operator has not allowed or not applied."""
    running = running_revision()
    if running is None:
        return Telephony("warning", _("Telephony is closed: no revision has been applied yet. Apply the rules."))
    if health["revision"] != running.number:
        sentence = _("The SIP engine still works by revision %(engine)d; revision %(running)d runs. Apply again.")
        return Telephony("error", sentence % {"engine": health["revision"], "running": running.number})
    if not health["enabled"]:
        if Rule.objects.filter(service__application=Application.SIP, enabled=True).exists():
            return Telephony(
                "warning", _("Telephony is closed: the rule that allows SIP is not applied yet. Apply it.")
            )
        return Telephony(
            "hint", _("Telephony is closed: no rule allows SIP. Add a rule from your phones to a provider.")
        )
    return None


def _wrong(calls: list[CallRow]) -> list[CallRow]:
    """Those that are running and that something is wrong with."""
    return [row for row in calls if row["ended"] is None and level(row["verdict"]) == "error"]


def _faults(wrong: list[CallRow]) -> tuple[str, ...]:
    """What is wrong, with the first few."""
    return tuple(
        _("Call %(from)s → %(to)s: %(what)s")
        % {"from": party(row["from_uri"]), "to": party(row["to_uri"]), "what": said(row["verdict"])}
        for row in wrong[:FAULTS_NAMED]
    )


def _working(
    health: HealthRow, registrations: list[RegistrationRow], wrong: list[CallRow], changes: int | None
) -> Telephony:  # fmt: skip
    details = _faults(wrong) + tuple(
        _("%(aor)s is not registered at %(registrar)s: %(status)s.") % dict(row)
        for row in registrations
        if row["state"] != "registered"
    )
    if changes is None:
        changes = len(pending_changes())
    if changes:
        details += (ngettext("%d change is not applied.", "%d changes are not applied.", changes) % changes,)
    registered = sum(row["state"] == "registered" for row in registrations)
    calls = ngettext("%d call is running", "%d calls are running", health["calls"]) % health["calls"]
    if not registered:
        if registrations and any(row["state"] != "registered" for row in registrations):
            return Telephony("error", _("No phone system is registered: incoming calls do not arrive."), details)
        return Telephony("hint", _("Telephony is ready: no phone system has registered yet, %s.") % calls, details)
    phones = ngettext("%d account is registered", "%d accounts are registered", registered) % registered
    if wrong:
        sentence = _in_part(phones, len(wrong), max(health["calls"], len(wrong)))
        return Telephony("warning", sentence, details, registered=registered)
    sentence = _("Telephony works: %(phones)s, %(calls)s.") % {"phones": phones, "calls": calls}
    level_now: Level = "warning" if len(registrations) > registered else "ok"
    return Telephony(level_now, sentence, details, registered=registered)


def _in_part(phones: str, wrong: int, calls: int) -> str:
    return ngettext(
        "Telephony works in part: %(phones)s, but something is wrong with the running call.",
        "Telephony works in part: %(phones)s, but something is wrong with %(wrong)d of %(calls)d running calls.",
        calls,
    ) % {"phones": phones, "wrong": wrong, "calls": calls}
