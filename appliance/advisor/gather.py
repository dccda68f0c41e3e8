# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows, the engine's word and the kernel's into Evidence: the only place where the advisor meets them.

Each part has its time limit; one that does not come is left out, and the page says which checks it was for.
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from django.utils import timezone

from appliance.advisor.evidence import Engine, Evidence, Flow, Kernel, Moved, Moving, Use
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
from appliance.sip.queries import engine_health
from appliance.system.queries import policy_asked
from sipalg_core.contract.events import CallRow, OpeningRow, RegistrationRow, TraceRow

log = logging.getLogger(__name__)

LATEST_CALLS: Final = 10
"""Calls whose messages are read."""


def gather() -> Evidence:
    now = time.time()
    policy = policy_asked(draft=False)
    return Evidence(
        now, policy, _engine(), _kernel(), _uses(now), _moving(now), _country_data_age(now), moved=_moved(now)
    )  # fmt: skip


def _engine() -> Engine | None:
    try:
        health = engine_health()
        calls = cast("list[CallRow]", engine_snapshot("calls")["rows"])
        latest = sorted(calls, key=lambda row: row["since"])[-LATEST_CALLS:]
        return Engine(
            health,
            tuple(cast("list[RegistrationRow]", engine_snapshot("registrations")["rows"])),
            tuple(calls),
            tuple(cast("list[OpeningRow]", engine_items("ledger"))),
            tuple(message for row in latest for message in _messages(row["id"])),
            tuple(engine_items("bans")),
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
        tuple(Flow(**each) for each in told["flows"]), told["helper"], told["udp_stream_timeout"],
        told["old_connections"],
    )  # fmt: skip


def _uses(now: float) -> dict[int, Use]:
    return {
        row.rule_id: Use(now - row.since.timestamp(), _ago(row.last, now))
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


def _ago(moment: datetime | None, now: float) -> float | None:
    return None if moment is None else now - moment.timestamp()
