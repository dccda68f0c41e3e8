# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of rules as it is shown: beside each its state in a word, its hits, and whether a filter shows it."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final, NamedTuple

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appliance.firewall import columns, queries
from appliance.firewall.models import Hits, Rule, Table
from appliance.firewall.queries import KnownContents, found_addresses
from appliance.recipes.forms import RECIPES
from appliance.ruleset.policy import Rule as Compiled
from appliance.ruleset.verify import verify
from appliance.system.queries import policy_asked
from appliance.ui.columns import Mark

NEVER_HIT_AFTER: Final = timedelta(days=90)


class State(NamedTuple):
    """`word` for people, `name` for programs; the first that holds is shown, `draft` beside any other."""

    name: str
    word: str | Promise
    mark: Mark


EXPIRED: Final = State("expired", _("expired"), "")
DISABLED: Final = State("disabled", _("off"), "")
UNRESOLVED: Final = State("unresolved", _("object holds no address"), "error")
SHADOWED: Final = State("shadowed", _("covered by another rule"), "warning")
WAITING: Final = State("waiting", _("waits for its schedule"), "hint")
UNUSED: Final = State("unused", _("not hit in 90 days"), "hint")
ACTIVE: Final = State("active", _("active"), "ok")


class States:
    """Of the rules as they stand in the draft, against those that run."""

    def __init__(self, hits: dict[int, Hits]) -> None:
        draft, running = policy_asked(draft=True), policy_asked(draft=False)
        self._rules = {rule.id: rule for rule in draft.rules}
        self._running = {rule.id: rule for rule in running.rules}
        self._shadowed = {finding.rule for finding in verify(draft) if finding.code == "shadowed"}
        self._hits = hits
        self._now = time.time()

    def of(self, rule: Rule) -> State:
        compiled = self._rules.get(rule.pk)
        if rule.expired_at:
            return EXPIRED
        if not rule.enabled or compiled is None:
            return DISABLED
        if any(each is not None and each.empty for each in (compiled.source, compiled.destination, compiled.target)):
            return UNRESOLVED
        if rule.pk in self._shadowed:
            return SHADOWED
        windows = compiled.activity
        if windows is not None and not any(first <= self._now < last for first, last in windows):
            return WAITING
        return UNUSED if self._unused(rule, compiled) else ACTIVE

    def is_draft(self, rule: Rule) -> bool:
        """Whether it runs differently, or not at all."""
        compiled, running = self._rules.get(rule.pk), self._running.get(rule.pk)
        return compiled is None or running is None or _meaning(compiled) != _meaning(running)

    def _unused(self, rule: Rule, compiled: Compiled) -> bool:
        hits = self._hits.get(rule.pk)
        if hits is None or compiled.opens_alg:
            return False
        return timezone.now() - (hits.last or hits.since) > NEVER_HIT_AFTER


def _meaning(rule: Compiled) -> tuple[object, ...]:
    return (
        rule.name, rule.action, rule.source, rule.destination, rule.service, rule.from_zone, rule.to_zone, rule.log,
        rule.enabled, rule.table, rule.section, rule.target, rule.target_port, rule.until, rule.schedule,
    )  # fmt: skip


def shown(rules: Iterable[Rule], text: str) -> list[Rule]:
    """Those that have every word: in name, comment, tags, section, objects, ports; an address finds the objects that
    hold it. A word with `-` in front excludes, `tag:` looks at tags only."""
    found = list(rules)
    known = KnownContents()
    for word in text.casefold().split():
        excluded, sought = word.startswith("-"), word.lstrip("-")
        holding = (
            {address.pk for address in found_addresses(sought, known)} if sought and "tag:" not in sought else set()
        )
        found = [rule for rule in found if sought and _fits(rule, sought, holding) != excluded]
    return found


def _fits(rule: Rule, word: str, holding: set[int]) -> bool:
    tags = [str(tag).casefold() for tag in rule.tags]
    if word.startswith("tag:"):
        return word.removeprefix("tag:") in tags
    if holding & {rule.source_id or 0, rule.destination_id or 0, rule.target_id or 0}:
        return True
    service = f"{rule.service.name} {rule.service.ports}" if rule.service else ""
    text = f"{rule.name} {rule.comment} {rule.section} {service} {rule.get_action_display()}".casefold()
    return word in text or word in tags


class Line(NamedTuple):
    rule: Rule
    sentence: str
    hits: Hits | None
    state: State
    draft: bool


def list_context(table: Table, text: str = "") -> dict[str, Any]:
    listed, hits = list(queries.rules(table)), queries.hits()
    states = States(hits)
    lines = [
        Line(rule, columns.rule_sentence(rule), hits.get(rule.pk), states.of(rule), states.is_draft(rule))
        for rule in (shown(listed, text) if text.strip() else listed)
    ]
    before, after = columns.AUTOMATIC[table]
    return {
        "table": table,
        "tables": Table,
        "rules": lines,
        "all": len(listed),
        "sections": list(dict.fromkeys(rule.section for rule in listed if rule.section)),
        "recipes": RECIPES,
        "asked": text,
        "last": len(listed),
        "before_rules": before,
        "after_rules": after,
    }
