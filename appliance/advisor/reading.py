# SPDX-License-Identifier: GPL-2.0-or-later
"""The advice as people read it: looked up now, or as the advisor's last round left it; without what somebody let be."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import get_language

from appliance.advisor.checks import CHECKS, Check, advise
from appliance.advisor.finding import SEVERITIES, Finding
from appliance.advisor.gather import gather
from appliance.system.models import Advised, Ignored
from sipalg_core.contract import names


class Ran(NamedTuple):
    """A check, whether it could be made now, and when it last was (None: never yet)."""

    check: Check
    made: bool
    last: datetime | None


class Reading(NamedTuple):
    """`findings` are the open ones, `let_be` those that somebody ignores, with who and why."""

    findings: list[Finding]
    let_be: list[tuple[Finding, Ignored]]
    ignored: list[Ignored]
    made: tuple[Check, ...]
    missed: tuple[Check, ...]
    checks: list[Ran]

    @property
    def by_severity(self) -> list[tuple[str, list[Finding]]]:
        """The most serious first; only those that there are."""
        groups = ((severity, [each for each in self.findings if each.severity == severity]) for severity in SEVERITIES)
        return [(severity, findings) for severity, findings in groups if findings]


def read(node: str = names.NODE) -> Reading:
    """Looked up now, in the reader's language."""
    advice = advise(gather())
    last = latest(node)
    before = last.made if last else {}
    now = timezone.now()
    ignored = {each.finding: each for each in ignored_findings()}
    return Reading(
        [each for each in advice.findings if each.id not in ignored],
        [(each, ignored[each.id]) for each in advice.findings if each.id in ignored],
        list(ignored.values()),
        advice.made,
        advice.missed,
        [
            Ran(check, check in advice.made, now if check in advice.made else _moment(before.get(check.id)))
            for check in CHECKS
        ],
    )


def _moment(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)


def finding(ident: str) -> Finding | None:
    """An open one."""
    return next((each for each in read().findings if each.id == ident), None)


def ignored_findings() -> QuerySet[Ignored]:
    """Those whose end has not come."""
    return Ignored.objects.filter(Q(until=None) | Q(until__gt=timezone.now()))


def latest(node: str = names.NODE) -> Advised | None:
    """The advisor's own last round."""
    return Advised.objects.filter(node=node).first()


def noted(node: str = names.NODE) -> list[dict[str, Any]]:
    """What the last round found, briefly: id, check, severity, and the text in the reader's language."""
    row = latest(node)
    ignored = set(ignored_findings().values_list("finding", flat=True))
    language = get_language() or settings.LANGUAGE_CODE
    return [
        each | {"text": each["texts"].get(language, each["texts"]["en"])}
        for each in (row.findings if row else [])
        if each["id"] not in ignored
    ]
