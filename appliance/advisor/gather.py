# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows, the engine's word and the kernel's into Evidence: the only place where the advisor meets them.

Each part has its time limit; one that does not come is left out, and the page says which checks it was for.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Any, Final, cast

from django.utils import timezone

from appliance.advisor.evidence import Engine, Evidence, Flow, Helper, Kernel, Moved, Moving, Old, Refused, Use
from appliance.advisor.surroundings import LATELY
from appliance.audit.models import Entry
from appliance.firewall import queries as firewall
from appliance.firewall.columns import LOOKUP_ERRORS
from appliance.firewall.models import AddressKind, Hits
from appliance.kernel.inquiry import NetadminUnavailable, ask
from appliance.live.control import EngineUnavailable, engine_items, engine_snapshot
from appliance.network.models import Role
from appliance.network.queries import interfaces
from appliance.network.services import ADDRESSES_CHANGED
from appliance.sip.models import CallRecord
from appliance.sip.queries import engine_health
from appliance.system.queries import policy_asked, revisions
from sipalg_core.contract.events import CallRow, OpeningRow, RegistrationRow, TraceRow

log = logging.getLogger(__name__)

LATEST_CALLS: Final = 10
"""Calls whose messages are read."""
REVISIONS: Final = 50
"""Among these is looked for when a setting was changed."""
REFUSED: Final = "refused-here"
"""Of a call's ending: the ALG itself answered it (sipalg_core.alg.sayings)."""


def gather() -> Evidence:
    now = time.time()
    policy = policy_asked(draft=False)
    engine = _engine()
    return Evidence(
        now, policy, engine, _kernel(), _uses(now), _moving(now), _country_data_age(now), _moved(now),
        _refused(engine), _settled(),
    )  # fmt: skip


def _engine() -> Engine | None:
    try:
        health = engine_health()
        calls = cast("list[CallRow]", engine_snapshot("calls")["rows"])
        latest = sorted(calls, key=lambda row: row["since"])[-LATEST_CALLS:]
        messages = {row["id"]: _messages(row["id"]) for row in latest}
        return Engine(
            health,
            tuple(cast("list[RegistrationRow]", engine_snapshot("registrations")["rows"])),
            tuple(calls),
            tuple(cast("list[OpeningRow]", engine_items("ledger"))),
            tuple(message for each in messages.values() for message in each),
            tuple(engine_items("bans")),
            {message["id"]: call for call, each in messages.items() for message in each},
        )
    except EngineUnavailable as error:
        log.info("the advisor does without the engine: %s", error)
        return None


def _messages(call: str) -> list[TraceRow]:
    return cast("list[TraceRow]", engine_items("trace", call=call))


def _kernel() -> Kernel | None:
    try:
        told: dict[str, Any] = ask("telephony")
    except NetadminUnavailable as error:
        log.info("the advisor does without the kernel: %s", error)
        return None
    return Kernel(
        tuple(Flow(**each) for each in told["flows"]), told["udp_stream_timeout"],
        told["old_connections"], tuple(Old(**each) for each in told["old"]),
        tuple(Helper(**each) for each in told["helpers"]), tuple(told["helped"]), tuple(told["modules"]),
    )  # fmt: skip


def _uses(now: float) -> dict[int, Use]:
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    return {
        row.rule_id: Use(now - row.since.timestamp(), _ago(row.last, now), row.days.get(today, 0))
        for row in Hits.objects.all()
    }  # fmt: skip


def _moving(now: float) -> tuple[Moving, ...]:
    """DNS objects, with what kept them from being refreshed."""
    known = firewall.KnownContents()
    held = (
        (address, firewall.holding(address, known))
        for address in firewall.addresses().filter(kind=AddressKind.DNS)
    )  # fmt: skip
    return tuple(
        Moving(
            address.pk, address.name, str(LOOKUP_ERRORS.get(holding.error, holding.error)),
            now - holding.refreshed if holding.refreshed is not None else None,
        )
        for address, holding in held
        if holding is not None
    )  # fmt: skip


def _country_data_age(now: float) -> float | None:
    data = firewall.active_country_data()
    if data is None or not firewall.used_countries():
        return None
    published = datetime(data.published.year, data.published.month, data.published.day, tzinfo=UTC)
    return now - published.timestamp()


def _moved(now: float) -> tuple[Moved, ...]:
    """What netadmin noted of external interfaces (network.services.record_found)."""
    external = {each.name for each in interfaces() if each.role == Role.EXTERNAL}
    since = timezone.now() - timedelta(seconds=LATELY)
    noted = Entry.objects.filter(verb=ADDRESSES_CHANGED, time__gt=since).order_by("sequence")
    changes = ((each, each.target.rpartition(" ")[2]) for each in noted)
    return tuple(
        Moved(name, tuple(each.after["addresses"]), now - each.time.timestamp())
        for each, name in changes
        if name in external and each.after
    )


def _refused(engine: Engine | None) -> tuple[Refused, ...]:
    """Calls of the history and those that the engine still holds, by their ids."""
    since = timezone.now() - timedelta(seconds=LATELY)
    noted = CallRecord.objects.filter(ended__gt=since, ending__code=REFUSED)
    found = {row.ident: Refused(row.ident, row.internal, _reason(row.ending), row.ended.timestamp()) for row in noted}
    for call in engine.calls if engine else ():
        if call["ended"] and call["ending"] and call["ending"]["code"] == REFUSED:
            found[call["id"]] = Refused(call["id"], call["internal"], _reason(call["ending"]), call["ended"])
    return tuple(sorted(found.values(), key=lambda each: each.at))


def _reason(ending: Any) -> str:
    return str(ending["params"].get("reason", ""))


def _settled() -> dict[str, float]:
    """Of each setting of the ALG for all providers: since which apply it has the value that it has now."""
    rows = revisions().filter(applied_at__isnull=False).values_list("applied_at", "policy__settings")[:REVISIONS]
    applied = [(at.timestamp(), _common(settings)) for at, settings in rows if at]
    return {path: _since(path, applied) for path in {path for _at, values in applied for path in values}}


def _common(settings: list[dict[str, Any]] | None) -> dict[str, Any]:
    return next((each["values"] for each in settings or () if each["provider"] == ""), {})


def _since(path: str, applied: list[tuple[float, dict[str, Any]]]) -> float:
    """Newest first."""
    unchanged = takewhile(lambda each: each[1].get(path) == applied[0][1].get(path), applied)
    return min(at for at, _values in unchanged)


def _ago(moment: datetime | None, now: float) -> float | None:
    return None if moment is None else now - moment.timestamp()
