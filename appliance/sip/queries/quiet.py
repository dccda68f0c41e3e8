# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be said of telephony while there is nothing to show: the last call, and who should have registered."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from appliance.live.control import EngineUnavailable
from appliance.ruleset.policy import Address
from appliance.sip.models import CallRecord
from appliance.sip.queries.live import engine_health, message_counts
from appliance.system.queries import policy_asked, running_revision

SIP_PORT = 5060
FINAL = 200
CHALLENGES = (401, 407)


class Awaited(NamedTuple):
    """A phone system that a running rule lets register, and with whom; the addresses are the first that there are."""

    phone: str
    server: str
    saddr: str
    daddr: str
    dport: int


class Tried(NamedTuple):
    """What came of registering since the engine started: how often it was asked for, and what the answers were."""

    since: datetime
    asked: int
    answers: tuple[str, ...]  # "403 × 2"; a challenge is none


def tried() -> Tried | None:
    """None where the engine does not answer."""
    try:
        since, counted = engine_health()["since"], message_counts()
    except EngineUnavailable:
        return None
    registers = [each for each in counted if each["method"] == "REGISTER"]
    asked = sum(each["messages"] for each in registers if each["side"] == "internal" and not each["status"])
    answers = {each["status"]: each["messages"] for each in registers if each["side"] == "external"}
    told = tuple(
        f"{status} × {answers[status]}" for status in sorted(answers) if status >= FINAL and status not in CHALLENGES
    )
    return Tried(datetime.fromtimestamp(since, UTC), asked, told)


def last_call() -> CallRecord | None:
    return CallRecord.objects.order_by("-ended").first()


def awaited() -> Awaited | None:
    """By the first SIP rule that runs; None where none does."""
    if running_revision() is None:
        return None
    for rule in policy_asked(draft=False).rules:
        if rule.opens_alg and rule.enabled and not rule.expired and rule.source and rule.destination:
            port = rule.service.ports.replace("-", ",").partition(",")[0].strip() if rule.service else ""
            return Awaited(
                _first(rule.source) or rule.source.name, rule.destination.name, _first(rule.source),
                _first(rule.destination), int(port) if port.isdecimal() else SIP_PORT,
            )  # fmt: skip
    return None


def _first(address: Address) -> str:
    """A host that it stands for; "" where it names networks or nothing."""
    return next((text for text in (*address.values, *address.held.texts()) if "/" not in text and "-" not in text), "")
