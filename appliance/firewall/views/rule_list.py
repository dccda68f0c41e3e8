# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of rules as it is shown: beside each its state in a word, its hits, and whether a filter shows it."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appliance.firewall import queries
from appliance.firewall.models import AddressKind, AddressObject, Hits, Protocol, Rule, Service, Table
from appliance.firewall.queries import KnownContents, found_addresses
from appliance.firewall.views.rule_columns import COLUMNS, Column, Text, columns_of
from appliance.firewall.views.rule_filters import LEGEND, READY, filters_of
from appliance.firewall.views.rule_tables import AUTOMATIC, TABLES
from appliance.recipes.forms import RECIPES
from appliance.ruleset import notation
from appliance.ruleset.policy import Rule as Compiled
from appliance.ruleset.sides import Between, between_all
from appliance.system.queries import Pending, policy_of_rule
from appliance.system.views.revisions import review_context
from appliance.ui.columns import Mark
from appliance.ui.requests import OperatorRequest

HitsOf = Mapping[int, Hits]
BetweenOf = Mapping[int, Between]
NEVER_HIT_AFTER: Final = timedelta(days=90)


class State(NamedTuple):
    """`word` for people, `name` for programs, and an icon; the first that holds is shown, `draft` beside any other."""

    name: str
    word: str | Promise
    icon: str
    mark: Mark


EXPIRED: Final = State("expired", _("expired"), "close", "")
DISABLED: Final = State("disabled", _("off"), "pause", "")
UNRESOLVED: Final = State("unresolved", _("object holds no address"), "error", "error")
SHADOWED: Final = State("shadowed", _("covered by another rule"), "warning", "warning")
WAITING: Final = State("waiting", _("waits for its schedule"), "changes", "hint")
UNUSED: Final = State("unused", _("not hit in 90 days"), "hint", "hint")
NEW: Final = State("new", _("new, not applied yet"), "add", "hint")
ACTIVE: Final = State("active", _("active"), "ok", "ok")
STATES: Final = (EXPIRED, DISABLED, UNRESOLVED, SHADOWED, NEW, WAITING, UNUSED, ACTIVE)


class States:
    """Of rules as they stand in the draft, against those that run."""

    def __init__(
        self, draft: Iterable[Compiled], running: Iterable[Compiled], shadowed: Collection[int | None], hits: HitsOf
    ) -> None:
        self._rules = {rule.id: rule for rule in draft}
        self._running = {rule.id: rule for rule in running}
        self._shadowed = shadowed
        self._hits = hits
        self._now = time.time()

    @classmethod
    def all(cls, pending: Pending, hits: HitsOf) -> States:
        shadowed = {finding.rule for finding in pending.findings() if finding.code == "shadowed"}
        return cls(pending.asked.rules, pending.decides.rules, shadowed, hits)

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
        if rule.pk not in self._running:
            return NEW
        windows = compiled.activity
        if windows is not None and not any(first <= self._now < last for first, last in windows):
            return WAITING
        return UNUSED if self._unused(rule, compiled) else ACTIVE

    def is_draft(self, rule: Rule) -> bool:
        """Whether it runs differently, or not at all, and its state does not say so."""
        if self.of(rule) is NEW:
            return False
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


class Sought(NamedTuple):
    """What of a rule the filter looks at, here and in the browser (static/js/filter.js)."""

    words: str
    tags: str  # a line each
    ports: str  # "443,8080-8090"
    objects: frozenset[int]
    facts: frozenset[str]  # "from:internal", "is:accept"
    ends: float | None  # Unix seconds

    @classmethod
    def of(cls, rule: Rule, between: Between) -> Sought:
        objects = [each for each in (rule.source, rule.destination, rule.target) if each is not None]
        ports, service = _ports(rule.service), rule.service.name if rule.service else ""
        tags = [str(tag) for tag in rule.tags]
        text = [rule.name, rule.comment, rule.section, service, ports, rule.get_action_display(), *tags]
        text += [word for each in objects for word in (each.name, each.value)]
        return cls(
            " ".join(filter(None, text)).casefold(), "\n".join(tags).casefold(), ports,
            frozenset(each.pk for each in objects), frozenset(_facts(rule, between)),
            rule.until.timestamp() if rule.until and not rule.expired_at else None,
        )  # fmt: skip

    def has(self, word: str, holding: Collection[int], state: Collection[str]) -> bool:
        prefix, colon, rest = word.partition(":")
        match prefix if colon else "":
            case "tag":
                return rest in self.tags.split("\n")
            case "is":
                return rest in state or word in self.facts
            case "from" | "to":
                return word in self.facts
            case "ends":
                return self._ends(rest)
        return word in self.words or not self.objects.isdisjoint(holding) or (word.isdecimal() and self._at(int(word)))

    def _ends(self, days: str) -> bool:
        """Within so many; at all, where none are named."""
        if self.ends is None or not days:
            return self.ends is not None and not days
        return days.isdecimal() and self.ends - time.time() <= int(days) * 86_400

    def _at(self, port: int) -> bool:
        return any(first <= port <= last for first, last in notation.port_ranges(self.ports))


def _facts(rule: Rule, between: Between) -> Iterable[str]:
    yield f"is:{rule.action}"
    if rule.log:
        yield "is:logged"
    yield from (f"from:{zone}" for zone in between.sources)
    yield from (f"to:{zone}" for zone in between.targets)


def _ports(service: Service | None) -> str:
    if service is None:
        return ""
    held = service.members.all() if service.protocol == Protocol.GROUP else [service]
    return ",".join(each.ports for each in held if each.ports)


PREFIXES: Final = ("tag", "is", "from", "to", "ends")
"""Of words that look at one thing only."""


class Filter:
    """Every word must be there: in name, comment, tags, section, objects, ports; an address finds the objects that
    hold it, a number the ranges of ports around it. A word with `-` in front excludes, `tag:` looks at tags only, `is:`
    at states and actions, `from:` and `to:` at zones, `ends:7` finds what ends within seven days.
    """

    def __init__(self, text: str) -> None:
        words = [(word.lstrip("-"), word.startswith("-")) for word in text.casefold().split()]
        self._words = [(word, excluded, set(holding(word))) for word, excluded in words]

    def shows(self, sought: Sought, state: Collection[str]) -> bool:
        return all(word and sought.has(word, objects, state) != excluded for word, excluded, objects in self._words)


def holding(word: str) -> list[int]:
    """The objects that hold an address or a country, or have the word in their name."""
    if not word or word.partition(":")[0] in PREFIXES:
        return []
    return [address.pk for address in found_addresses(word, KnownContents())]


class Line(NamedTuple):
    rule: Rule
    cells: list[tuple[Column, Text]]
    state: State
    draft: bool
    sought: Sought
    shown: bool


def lines(
    rules: Iterable[Rule], shown: Sequence[Column], states: States, between: BetweenOf, hits: HitsOf, text: str = ""
) -> list[Line]:  # fmt: skip
    """Those that the filter does not show are lines as well: the browser shows them as soon as it is another."""
    asked = Filter(text)
    found = []
    for rule in rules:
        counted, sought = hits.get(rule.pk), Sought.of(rule, between[rule.pk])
        cells = [(column, column.cell(rule, counted)) for column in shown]
        state, draft = states.of(rule), states.is_draft(rule)
        told = (state.name, "changed") if draft else (state.name,)
        found.append(Line(rule, cells, state, draft, sought, asked.shows(sought, told)))
    return found


def states(rules: Iterable[Rule], pending: Pending) -> list[tuple[int, str, bool]]:
    """Of each rule its id, its state's name, and whether it is a draft."""
    known = States.all(pending, queries.hits())
    return [(rule.pk, known.of(rule).name, known.is_draft(rule)) for rule in rules]


def list_context(request: OperatorRequest, table: Table, text: str = "") -> dict[str, Any]:
    """The list, and above it what waits to be applied."""
    listed = list(queries.rules(table).prefetch_related("service__members"))
    shown, hits, pending = columns_of(request.user), queries.hits(), Pending()
    before, after = AUTOMATIC[table]
    found = lines(listed, shown, States.all(pending, hits), between_all(pending.asked), hits, text)
    return review_context(request, pending) | {
        "table": table,
        "tables": TABLES.items(),
        "words": TABLES[table],
        "columns": shown,
        "all_columns": COLUMNS,
        "width": len(shown) + 4,
        "rules": found,
        "filled": {line.rule.section for line in found if line.shown},
        "any": any(line.shown for line in found),
        "all": len(listed),
        "sections": list(dict.fromkeys(rule.section for rule in listed if rule.section)),
        "recipes": RECIPES,
        "asked": text,
        "ready_filters": READY,
        "kept_filters": filters_of(request.user),
        "legend": LEGEND,
        "countries_named": AddressObject.objects.filter(kind=AddressKind.COUNTRY).exists(),
        "last": len(listed),
        "before_rules": before,
        "after_rules": after,
    }


def line_context(request: OperatorRequest, pk: int) -> dict[str, Any]:
    """One of the list, as it stands there; whether another covers it only all together know."""
    rule = queries.rules().prefetch_related("service__members").get(pk=pk)
    hits = queries.hits()
    draft, running = (policy_of_rule(pk, draft=each) for each in (True, False))
    states = States(draft.rules, running.rules, (), hits)
    (line,) = lines([rule], columns_of(request.user), states, between_all(draft), hits)
    return {"line": line, "last": queries.rules(rule.table).count()}
