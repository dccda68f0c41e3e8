# SPDX-License-Identifier: GPL-2.0-or-later
"""Revisions: which one runs, which is the latest, what would change, and whether the appliance is healthy."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from difflib import unified_diff
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

import redis
from django.db import DatabaseError, connection, models
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from appliance import redis_socket
from appliance.audit.models import Entry
from appliance.firewall import queries as firewall
from appliance.firewall.queries import rules
from appliance.kernel.connections import Selection
from appliance.kernel.inquiry import ask
from appliance.kernel.links import preferred
from appliance.live.control import EngineUnavailable, engine_snapshot
from appliance.network import queries as network
from appliance.ruleset import policy as ruleset
from appliance.ruleset.compile import compile_chains
from appliance.ruleset.contents import fill
from appliance.ruleset.countries import name as country_name
from appliance.ruleset.schedule import resolve
from appliance.ruleset.snapshot import activations, snapshot
from appliance.ruleset.verify import Access, Finding, verify
from appliance.system.models import Notice, Revision, Setup, State
from sipalg_core.contract import names
from sipalg_core.nft.ruleset import to_text

_NOT_SHOWN: Final = {"position", "revision", "expired", "windows"}
"""A rule that only slid because of another, or whose time has come, has not changed; moving has its own line."""


_INHERITED: Final = object()
_NEW_FOR: Final = timedelta(days=1)


class Change(NamedTuple):
    """`rule` is what is new or gone, for who says what it does."""

    kind: Literal["added", "changed", "removed", "moved"]
    text: str
    rule: ruleset.Rule | None = None


def revisions(node: str = names.NODE) -> models.QuerySet[Revision]:
    """Newest first."""
    return Revision.objects.filter(node=node)


def waiting_revision(node: str = names.NODE) -> Revision | None:
    """On trial now. Past its deadline the kernel has gone back, whether or not anybody has written that down."""
    return revisions(node).filter(state=State.WAITING, deadline__gt=timezone.now()).first()


def confirmed_revision(node: str = names.NODE) -> Revision | None:
    """What decides when no trial runs."""
    return revisions(node).filter(state=State.APPLIED).first()


def running_revision(node: str = names.NODE) -> Revision | None:
    """The one that decides."""
    return waiting_revision(node) or confirmed_revision(node)


def standing_revisions(node: str = names.NODE) -> list[Revision]:
    """Those whose chains the kernel holds: the confirmed one, and the one on trial."""
    return list(revisions(node).filter(state__in=[State.APPLIED, State.WAITING]))


def policy_now(revision: Revision | None, now: float) -> ruleset.Policy:
    """What decides at this time: the revision without the rules that have ended, with the windows of its schedules, and
    what has been activated on top of it; without a revision nothing but that.
    """
    if revision is None:
        return _at(ruleset.Policy(0, names.NODE, activations=activations(names.NODE)), now)
    return _now(revision, ruleset.load(revision.policy), now)


def _now(revision: Revision, frozen: ruleset.Policy, now: float) -> ruleset.Policy:
    rules = _marked(frozen.rules, revision)
    return _at(as_found(replace(frozen, rules=rules, activations=activations(revision.node))), now)


def _marked(rules: Iterable[ruleset.Rule], revision: Revision) -> tuple[ruleset.Rule, ...]:
    """With those marked that have ended since the revision was made."""
    return tuple(replace(rule, expired=rule.expired or rule.id in revision.expired) for rule in rules)


def _at(policy: ruleset.Policy, now: float) -> ruleset.Policy:
    """With the windows of its schedules and the contents of its objects."""
    return fill(resolve(policy, now), firewall.KnownContents())


def as_found(policy: ruleset.Policy) -> ruleset.Policy:
    """With the addresses that the kernel has. Inside, one that has none keeps those of the configuration."""
    found = network.found(policy.node)
    interfaces = tuple(
        replace(each, addresses=preferred(found[each.name], each.addresses))
        if each.name in found and (found[each.name] or each.role == "external")
        else each
        for each in policy.interfaces
    )
    return replace(policy, interfaces=interfaces)


def policy_asked(*, draft: bool, node: str = names.NODE) -> ruleset.Policy:
    """What a question is about: the running revision, or the rows as they stand."""
    pending = Pending(node)
    return pending.asked if draft else pending.decides


def policy_of_rule(rule: int, *, draft: bool, node: str = names.NODE) -> ruleset.Policy:
    """What policy_asked says, with no rule but this one, without building all others."""
    running = None if draft else running_revision(node)
    if running is None:
        policy = snapshot(node, 0, only=rule)
    else:
        kept = [each for each in running.policy.get("rules", ()) if each["id"] == rule]
        policy = ruleset.load(running.policy | {"rules": kept})
        policy = replace(policy, rules=_marked(policy.rules, running))
    return _at(as_found(policy), time.time())


def rule_asked(rule: int, *, draft: bool, node: str = names.NODE) -> ruleset.Rule | None:
    return next(iter(policy_of_rule(rule, draft=draft, node=node).rules), None)


class Pending:
    """The rows as they stand beside what runs, each read once: for a page that says several things about them."""

    def __init__(self, node: str = names.NODE) -> None:
        self._node = node

    @cached_property
    def running(self) -> Revision | None:
        return running_revision(self._node)

    @cached_property
    def _before(self) -> ruleset.Policy:
        return _policy(self.running, self._node)

    @cached_property
    def _draft(self) -> ruleset.Policy:
        return snapshot(self._node, 0)

    @cached_property
    def asked(self) -> ruleset.Policy:
        """The draft, with the windows and contents of now."""
        return _at(as_found(self._draft), time.time())

    @cached_property
    def decides(self) -> ruleset.Policy:
        """What runs, with the windows and contents of now; the draft where nothing does."""
        return self.asked if self.running is None else _now(self.running, self._before, time.time())

    @cached_property
    def changes(self) -> list[Change]:
        """What *Apply* would change, in words; empty where the running revision is what the rows say."""
        return compare(self._before, self._draft)

    def nft(self) -> list[str]:
        """The same as lines of a unified diff of nft's text."""
        return compare_nft(self._before, self._draft)

    def findings(self, access: Access | None = None) -> list[Finding]:
        """What verify says about the rows as they stand."""
        return verify(self.asked, access)


def setup_now(node: str = names.NODE) -> Setup:
    """How far the first-run wizard is; an unsaved row where nobody has begun."""
    return (Setup.objects.filter(node=node).first() or Setup(node=node)).in_shape()


def is_new(node: str = names.NODE) -> bool:
    """Whether the wizard should be offered: begun and not ended, or never begun where nothing was ever applied."""
    setup = Setup.objects.filter(node=node).first()
    return setup.ended is None if setup else not revisions(node).exists()


def last_backup() -> Entry | None:
    """When somebody last made one, and who."""
    return Entry.objects.filter(verb="backup").first()


def latest_revision(node: str = names.NODE) -> Revision | None:
    return revisions(node).first()


def findings(access: Access | None = None, node: str = names.NODE) -> list[Finding]:
    """What verify says about the rows as they stand."""
    return Pending(node).findings(access)


def access_of(revision: Revision) -> Access | None:
    if revision.asked_from is None or revision.asked_port is None:
        return None
    return Access(revision.asked_from, revision.asked_port, time.time())


def changes_of(revision: Revision, since: Revision | None) -> tuple[list[Change], list[str]]:
    """What the revision changed, in words and in nft text; `since` None compares with nothing at all."""
    old, new = _policy(since, revision.node), _policy(revision, revision.node)
    return compare(old, new), compare_nft(old, new)


def job_row(revision: Revision) -> dict[str, Any]:
    """A revision as the live topic `jobs` shows it."""
    return {
        "id": str(revision.pk),
        "number": revision.number,
        "node": revision.node,
        "state": revision.state,
        "author": revision.author,
        "reason": revision.reason,
        "error": revision.error,
        "created": revision.created.timestamp(),
        "applied": revision.applied_at.timestamp() if revision.applied_at else None,
        "deadline": revision.deadline.timestamp() if revision.deadline else None,
        "duration": revision.duration,
        "old_connections": revision.old_connections,
    }


def pending_changes(node: str = names.NODE) -> list[Change]:
    """What *Apply* would change, in words; empty where the running revision is what the rows say."""
    return Pending(node).changes


def pending_nft(node: str = names.NODE) -> list[str]:
    """The same as lines of a unified diff of nft's text."""
    return Pending(node).nft()


def _policy(revision: Revision | None, node: str) -> ruleset.Policy:
    return ruleset.load(revision.policy) if revision else ruleset.Policy(0, node)


def compare(old: ruleset.Policy, new: ruleset.Policy) -> list[Change]:
    changes = [
        *_changes(_("Interface “%s”"), "name", old.interfaces, new.interfaces),
        *_changes(_("Rule “%s”"), "id", old.rules, new.rules),
        *_changes(_("Provider “%s”"), "name", old.providers, new.providers),
    ]
    changes += _setting_changes(old.settings, new.settings)
    kept = {rule.id for rule in old.rules} & {rule.id for rule in new.rules}
    if [rule.id for rule in old.rules if rule.id in kept] != [rule.id for rule in new.rules if rule.id in kept]:
        changes.append(Change("moved", _("The order of the rules is different.")))
    return changes


def _setting_changes(before: Iterable[ruleset.AlgSettings], after: Iterable[ruleset.AlgSettings]) -> Iterator[Change]:
    """“Settings of the ALG for “Tel”: inactive media 120 → 300.”; what is not set is inherited."""
    old, new = ({each.provider: each.values for each in values} for values in (before, after))
    for provider in sorted({*old, *new}):
        was, now = old.get(provider, {}), new.get(provider, {})
        differences = [
            f"{path.partition('.')[2].replace('_', ' ')} {_set_to(was, path)} → {_set_to(now, path)}"
            for path in sorted({*was, *now})
            if was.get(path, _INHERITED) != now.get(path, _INHERITED)
        ]
        if differences:
            title = _("Settings of the ALG for “%s”") % provider if provider else _("Settings of the ALG")
            yield Change("changed", f"{title}: {', '.join(differences)}.")


def _set_to(values: dict[str, Any], path: str) -> str:
    return _words(values[path]) if path in values else _("inherited")


def compare_nft(old: ruleset.Policy, new: ruleset.Policy) -> list[str]:
    """Both as if they had the same number, so that only what differs is shown."""
    now = time.time()
    before, after = (
        to_text(compile_chains(resolve(replace(policy, revision=new.revision), now))).splitlines()
        for policy in (old, new)
    )
    return list(unified_diff(before, after, lineterm="", n=1))[2:]


def _changes(label: str, key_name: str, before: Iterable[Any], after: Iterable[Any]) -> Iterator[Change]:
    old, new = ({getattr(each, key_name): each for each in values} for values in (before, after))
    for key in [*new, *(key for key in old if key not in new)]:
        thing = new.get(key) or old[key]
        title = label % thing.name
        rule = thing if isinstance(thing, ruleset.Rule) else None
        if key not in old:
            yield Change("added", _("%s is new.") % title, rule)
        elif key not in new:
            yield Change("removed", _("%s is gone.") % title, rule)
        elif differences := _differences(old[key], new[key]):
            yield Change("changed", f"{title}: {', '.join(differences)}.")


def _differences(before: Any, after: Any) -> list[str]:
    """Of two frozen values of one class: `source Phones (192.168.0.10) → PBX (192.168.0.2)`."""
    return [
        f"{field.name.replace('_', ' ')} {_said(field.name, before)} → {_said(field.name, after)}"
        for field in fields(before)
        if field.name not in _NOT_SHOWN and getattr(before, field.name) != getattr(after, field.name)
    ]


def _said(field: str, of: Any) -> str:
    value = getattr(of, field)
    if field == "until":
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M} UTC" if value else _("no end")
    return _words(value)


def _words(value: object) -> str:
    match value:
        case None | "":
            return _("any")
        case bool():
            return _("on") if value else _("off")
        case ruleset.Address():
            names_of = (country_name(code, get_language()) for code in value.countries)
            made_of = (*value.values, *(each.partition(":")[2] for each in value.lookups), *names_of)
            negation = _("not") + " " if value.negated else ""
            return f"{value.name} ({negation}{', '.join(made_of)})"
        case ruleset.Service():
            return f"{value.name} ({_service_words(value)})"
        case ruleset.Schedule():
            return value.name
        case tuple():
            return ", ".join(map(str, value))
    return str(value)


def _service_words(service: ruleset.Service) -> str:
    if service.members:
        return ", ".join(f"{each.name}: {_service_words(each)}" for each in service.members)
    number = "" if service.number is None else str(service.number)
    return " ".join(filter(None, (service.protocol, number, service.ports, service.application)))


# --- What the appliance stands on ---


def connections(selection: Selection, node: str = names.NODE) -> dict[str, Any]:
    """`items` and `total`, from netadmin; raise NetadminUnavailable."""
    found: dict[str, Any] = ask("connections", node=node, selection=selection.plain())
    return found


def notices(node: str = names.NODE) -> models.QuerySet[Notice]:
    """Newest first."""
    return Notice.objects.filter(node=node)


def new_notices(seen: int | None) -> int:
    """How many there are since the one of this key; of the last day for who has never looked."""
    if seen is None:
        return notices().filter(created__gt=timezone.now() - _NEW_FOR).count()
    return notices().filter(pk__gt=seen).count()


def rule_names() -> dict[str, str]:
    """By their keys in the kernel."""
    return {f"rule:{rule.pk}": rule.name for rule in rules()}


def calls_go_on() -> bool:
    """As the engine knows; one that does not answer may have calls."""
    try:
        return bool(engine_snapshot("pinholes")["rows"])
    except EngineUnavailable:
        return True


def redis_answers() -> bool:
    client = redis_socket.client()
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True
