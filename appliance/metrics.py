# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures for Prometheus at /metrics, gathered when they are asked for. A part that is down is a figure, too.

Who asks sends an API token (`authorization: credentials` in Prometheus), or is signed in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import redis
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from appliance import redis_socket
from appliance.accounts.models import User
from appliance.accounts.queries import began, in_place, lacks_factor, outlived, permits, user_for_token
from appliance.advisor import reading
from appliance.advisor.checks import CHECKS
from appliance.live.control import EngineUnavailable, broker_answers
from appliance.sip import queries
from appliance.ui.requests import anybody

# --- Implementation constants ---

PERMISSION: Final = "metrics.see"
REDIS_PATIENCE: Final = 0.5  # s
NO_VERDICT: Final = "none"


@anybody
@require_GET
def metrics(request: HttpRequest) -> HttpResponse:
    """Asks for the permission itself: a scraper has a token and no session."""
    user = _who(request)
    if user is None or lacks_factor(user) or not permits(user, PERMISSION):
        words = "Send an API token of an account that may read the metrics.\n"
        return HttpResponse(words, status=401, headers={"WWW-Authenticate": "Bearer"})
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Appliance())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _who(request: HttpRequest) -> User | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        user = user_for_token(token.strip())
    elif isinstance(request.user, User) and not outlived(request.session):
        user = request.user
        user.came_in = began(request.session)
    else:
        user = None
    return user if user is not None and in_place(user, request.META.get("REMOTE_ADDR", "")) else None


class Appliance(Collector):
    def collect(self) -> Iterator[Metric]:
        yield from _advice()
        up = GaugeMetricFamily("pinhole_up", "Whether this part answers", labels=["part"])
        up.add_metric(["redis"], _redis_answers())
        try:
            yield from _telephony()
            up.add_metric(["engine"], 1)
            up.add_metric(["broker"], broker_answers())
        except EngineUnavailable:
            up.add_metric(["engine"], 0)
            up.add_metric(["broker"], 0)  # only the engine knows
        yield up


def _advice() -> Iterator[Metric]:
    """Of the advisor's own last round."""
    round_ = reading.latest()
    if round_ is None:
        return
    let_be = set(reading.ignored_findings().values_list("finding", flat=True))
    found = GaugeMetricFamily(
        "pinhole_advisor_finding", "What the advisor found, and whether somebody lets it be",
        labels=["finding", "check", "severity", "ignored"],
    )  # fmt: skip
    for each in round_.findings:
        found.add_metric([each["id"], each["check"], each["severity"], str(each["id"] in let_be).lower()], 1)
    yield found
    made = GaugeMetricFamily("pinhole_advisor_check_made", "Whether a check had what it needs", labels=["check"])
    for check in CHECKS:
        made.add_metric([check.id], check.id not in round_.missed)
    yield made
    yield GaugeMetricFamily("pinhole_advisor_round_time_seconds", "When the advisor last looked", round_.at.timestamp())


def _telephony() -> Iterator[Metric]:
    """Raise EngineUnavailable before anything was told."""
    health = queries.engine_health()
    calls = queries.snapshot("calls")["rows"]
    registrations = queries.snapshot("registrations")["rows"]
    counts = queries.message_counts()
    yield GaugeMetricFamily("pinhole_engine_start_time_seconds", "When the engine began", health["since"])
    yield GaugeMetricFamily("pinhole_policy_revision", "Revision by which the engine decides", health["revision"])
    yield GaugeMetricFamily("pinhole_pinholes", "Openings for media", health["pinholes"])
    yield _by("pinhole_calls", "Calls in the live table", "state", Counter(_word(row, "state") for row in calls))
    said = Counter(_code(row) for row in calls if _word(row, "state") == "in_call")
    yield _by("pinhole_call_verdicts", "Calls in conversation by what their audio does", "code", said)
    states = Counter(_word(row, "state") for row in registrations)
    yield _by("pinhole_registrations", "Registrations", "state", states)
    messages = CounterMetricFamily(
        "pinhole_messages", "SIP messages by the side that they came from; status 0: requests",
        labels=["side", "method", "status"],
    )  # fmt: skip
    for each in counts:
        messages.add_metric([each["side"], each["method"], str(each["status"])], each["messages"])
    yield messages
    under_way = Counter(each["method"] for each in queries.transactions())
    yield _by("pinhole_transactions", "Requests that are not forgotten yet, of the youngest 500", "method", under_way)
    reasons = CounterMetricFamily(
        "pinhole_events", "What the engine and the kernel did, and why", labels=["kind", "reason"]
    )
    for name, count in sorted(health["counters"].items()):
        kind, _, reason = name.partition(":")
        reasons.add_metric([kind, reason], count)
    yield reasons


def _by(name: str, help_text: str, label: str, counted: Counter[str]) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=[label])
    for value, count in sorted(counted.items()):
        family.add_metric([value], count)
    return family


def _word(row: Any, key: str) -> str:
    return str(row[key])


def _code(row: Any) -> str:
    return str(row["verdict"]["code"]) if row["verdict"] else NO_VERDICT


def _redis_answers() -> bool:
    client = redis_socket.client(REDIS_PATIENCE)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()
