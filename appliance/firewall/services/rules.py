# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to rules: one function per verb of the operator, audited. Errors are ValidationErrors by field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall.models import (
    ACTIONS,
    Action,
    AddressKind,
    AddressObject,
    Application,
    Hits,
    Rule,
    Table,
)
from appliance.firewall.queries import due, hits, parts
from appliance.network.models import Role
from appliance.ruleset import notation

Actor = User | str

RULE_FIELDS: Final = (
    "name", "enabled", "source", "destination", "service", "from_zone", "to_zone", "action", "log", "comment",
    "section", "target", "target_port", "until", "schedule", "tags", "prepared",
)  # fmt: skip
"""What `update_rule` may change; the position has `move_rule`, and a rule stays in its table."""


DAYS_KEPT: Final = 8
"""Of the packets by day: a week, and the day that has begun."""


@transaction.atomic
def create_rule(
    *,
    actor: Actor,
    name: str,
    action: str,
    table: str = Table.FORWARD,
    before: Rule | None = None,
    after: Rule | None = None,
    position: int | None = None,
    **fields: Any,
) -> Rule:
    """At the end of its section or table, or where `before`, `after` or `position` (from 1) says.

    `fields` are others of RULE_FIELDS; what is not given means any.
    """
    unknown = set(fields) - set(RULE_FIELDS)
    if unknown:
        raise ValidationError({field: [_("A rule has no such field.")] for field in unknown})
    rule = Rule(name=name.strip(), action=action, table=table, changed_by=str(actor), **fields)
    _check_rule(rule)
    if before is None and after is None and position is None:
        after = _last_of(rule)
    rule.position = Rule.objects.filter(table=table).count() + 1
    rule.save()
    _place(rule, before=before, after=after, position=position)
    record(actor=actor, verb="create", target=rule, after=describe_rule(rule))
    return rule


@transaction.atomic
def update_rule(*, actor: Actor, rule: Rule, version: int, **changes: Any) -> Rule:
    """Change RULE_FIELDS; refused where somebody else was faster (`version` is what the caller had seen)."""
    current = Rule.objects.select_related(*_OBJECTS).get(pk=rule.pk)
    if current.version != version:
        when = timezone.localtime(current.changed).strftime("%H:%M")
        message = _("%(who)s changed this rule at %(when)s. Compare and choose.")
        raise ValidationError(
            {"version": [message % {"who": current.changed_by or _("Somebody"), "when": when}]}, code="conflict"
        )
    previous, until, section = describe_rule(current), current.until, current.section
    for field, value in changes.items():
        if field not in RULE_FIELDS:
            raise ValidationError({field: [_("This cannot be changed here.")]})
        setattr(current, field, value)
    if current.until != until:
        current.expired_at = None
    _check_rule(current, ended=current.until == until)
    current.version += 1
    current.changed_by = str(actor)
    current.save()
    if current.section != section:
        _place(current, before=None, after=_last_of(current), position=None)
    record(actor=actor, verb="update", target=current, before=previous, after=describe_rule(current))
    return current


@transaction.atomic
def set_rule_enabled(*, actor: Actor, rule: Rule, enabled: bool) -> Rule:
    """Without a version: switching it twice to the same state does no harm."""
    current = Rule.objects.get(pk=rule.pk)
    return update_rule(actor=actor, rule=current, version=current.version, enabled=enabled)


@transaction.atomic
def delete_rule(*, actor: Actor, rule: Rule) -> None:
    record(actor=actor, verb="delete", target=rule, before=describe_rule(rule))
    rule.delete()
    _renumber(list(Rule.objects.filter(table=rule.table).order_by("position")))


@transaction.atomic
def restore_rule(*, actor: Actor, rule: Rule) -> Rule:
    """The rule as this row says, at its place again, whether it was deleted, moved or changed meanwhile."""
    present = Rule.objects.filter(pk=rule.pk).select_related(*_OBJECTS).first()
    try:
        after = describe_rule(rule)
    except ObjectDoesNotExist as error:
        raise ValidationError(_("What the rule named is gone; it cannot be put back.")) from error
    _check_rule(rule, ended=True)
    position, previous = rule.position, describe_rule(present) if present else None
    rule.version = (present.version if present else rule.version) + 1
    rule.changed_by = str(actor)
    rule.position = present.position if present else Rule.objects.filter(table=rule.table).count() + 1
    rule.save(force_insert=present is None)
    _place(rule, before=None, after=None, position=position)
    record(actor=actor, verb="restore", target=rule, before=previous, after=after)
    return rule


@transaction.atomic
def clone_rule(*, actor: Actor, rule: Rule) -> Rule:
    """Right below its source, disabled."""
    fields = {field: getattr(rule, field) for field in RULE_FIELDS}
    fields |= {"name": (_("Copy of %s") % rule.name)[:80], "enabled": False}
    if rule.expired_at is not None:
        fields["until"] = None
    return create_rule(actor=actor, table=rule.table, after=rule, **fields)


@transaction.atomic
def expire_rules(*, now: datetime) -> list[Rule]:
    """Mark those past their end, so that a clock that is set back does not make them young again."""
    ended = list(due(now))
    for rule in ended:
        rule.expired_at = now
        rule.save(update_fields=["expired_at"])
        record(actor="time", verb="expired", target=rule, after={"until": rule.until and rule.until.isoformat()})
    return ended


@transaction.atomic
def move_rule(
    *, actor: Actor, rule: Rule, before: Rule | None = None, after: Rule | None = None, position: int | None = None
) -> Rule:
    """Before or after another rule of its table, or to a position from 1."""
    if [before, after, position].count(None) != 2:
        raise ValidationError({"position": [_("Say before which rule, after which rule, or a position: one of them.")]})
    previous = rule.position
    _place(rule, before=before, after=after, position=position)
    record(
        actor=actor, verb="move", target=rule, before={"position": previous}, after={"position": rule.position}
    )  # fmt: skip
    return rule


def place_rule(rule: Rule, *, position: int) -> None:
    """Without an entry of its own: for who takes a change back."""
    _place(rule, before=None, after=None, position=position)


@transaction.atomic
def count_hits(*, counted: Mapping[int, tuple[int, int]]) -> None:
    """Add what was counted since the last reading: packets and octets in the kernel, by rule.

    Not audited: the kernel's doing. A counter that is lower than it was has begun anew, with new chains.
    """
    now = timezone.now()
    today, known = now.date().isoformat(), hits()
    for rule_id, (packets, octets) in counted.items():
        each = known.get(rule_id) or Hits(rule_id=rule_id, since=now)
        if (packets, octets) == (each.seen_packets, each.seen_octets) and each.rule_id in known:
            continue
        more = packets - each.seen_packets if packets >= each.seen_packets else packets
        each.packets += more
        each.octets += octets - each.seen_octets if octets >= each.seen_octets else octets
        each.last = now if more else each.last
        if more:
            each.days[today] = each.days.get(today, 0) + more
            each.days = dict(sorted(each.days.items())[-DAYS_KEPT:])
        each.seen_packets, each.seen_octets = packets, octets
        each.save()


@transaction.atomic
def count_connections(*, counted: Mapping[int, int]) -> None:
    """How many connections each rule has now; those that are not named have none. Not audited: the kernel's doing."""
    known = hits()
    for rule_id, connections in counted.items():
        if rule_id not in known:
            Hits.objects.create(rule_id=rule_id, connections=connections)
        elif known[rule_id].connections != connections:
            Hits.objects.filter(pk=rule_id).update(connections=connections)
    Hits.objects.exclude(pk__in=counted).exclude(connections=0).update(connections=0)
    Hits.objects.update(connections_at=timezone.now())


def describe_rule(rule: Rule) -> dict[str, Any]:
    """Names instead of keys: the audit trail must be readable when the objects are gone."""
    named = {field: str(getattr(rule, field)) if getattr(rule, field) else None for field in _OBJECTS}
    place = {"table": rule.table, "position": rule.position}
    until = {"until": rule.until and rule.until.isoformat()}
    return {field: getattr(rule, field) for field in RULE_FIELDS} | until | named | place


_OBJECTS: Final = ("source", "destination", "service", "target", "schedule")


def _place(rule: Rule, *, before: Rule | None, after: Rule | None, position: int | None) -> None:
    others = list(Rule.objects.filter(table=rule.table).exclude(pk=rule.pk).order_by("position"))
    anchor = before or after
    if anchor is not None:
        if anchor not in others:
            raise ValidationError({"position": [_("Choose another rule of the same table.")]})
        index = others.index(anchor) + (1 if after else 0)
    else:
        index = len(others) if position is None else max(0, min(position - 1, len(others)))
    section = anchor.section if anchor is not None else _section_at(rule, others, index)
    if rule.section != section:
        rule.section = section
        rule.save(update_fields=["section"])
    others.insert(index, rule)
    _renumber(others)


def _section_at(rule: Rule, others: list[Rule], index: int) -> str:
    """A section is one piece of the order: the rule's own, unless it would tear one apart."""
    around = [other.section for other in others[max(0, index - 1) : index + 1]]
    within = len(around) == 2 and around[0] == around[1] != ""
    elsewhere = rule.section and rule.section in {other.section for other in others}
    if within or (elsewhere and rule.section not in around):
        return around[0] if around else ""
    return rule.section


def _last_of(rule: Rule) -> Rule | None:
    """The last other rule of its section; None where it has none."""
    if not rule.section:
        return None
    others = Rule.objects.filter(table=rule.table, section=rule.section).exclude(pk=rule.pk)
    return others.order_by("position").last()


def _renumber(rules: list[Rule]) -> None:
    for position, rule in enumerate(rules, start=1):
        if rule.position != position:
            rule.position = position
            rule.save(update_fields=["position"])


def _check_rule(rule: Rule, *, ended: bool = False) -> None:
    """`ended`: its time may be over already."""
    errors: dict[str, list[str]] = {}
    if not rule.name.strip():
        errors["name"] = [_("Give the rule a name that says what it is for.")]
    if rule.table not in Table.values:
        errors["table"] = [_("Choose forward, dnat, snat or input.")]
    elif rule.action not in ACTIONS[Table(rule.table)]:
        choices = ", ".join(str(action.value) for action in ACTIONS[Table(rule.table)])
        errors["action"] = [_("In this table choose %s.") % choices]
    for field in ("from_zone", "to_zone"):
        if getattr(rule, field) not in ["", *Role.values]:
            errors[field] = [_("Choose internal, external, dmz or management.")]
    if rule.until and rule.until <= timezone.now() and not ended:
        errors["until"] = [_("The end time is in the past. The rule would never be active.")]
    if rule.service and rule.service.application == Application.SIP and rule.action == Action.ACCEPT:
        if rule.schedule and rule.table == Table.FORWARD:
            errors["schedule"] = [_("The ALG knows no schedules: calls would go on outside of it. Use an end time.")]
        for field, name in (("source", rule.source), ("destination", rule.destination)):
            if name is None and rule.table == Table.FORWARD:
                errors[field] = [_("A SIP rule names its phones and its provider. “Any” would open the ALG to all.")]
        servers = parts(rule.destination) if rule.destination and rule.table == Table.FORWARD else []
        if any(part.kind == AddressKind.COUNTRY for part in servers):
            errors["destination"] = [_("A country is no provider. Name the provider's servers or its DNS name.")]
    if not all(isinstance(tag, str) and 0 < len(tag) <= 40 for tag in rule.tags):
        errors["tags"] = [_("A tag has 1 to 40 characters.")]
    if errors:
        raise ValidationError(errors)
    _check_translation(rule)


def _check_translation(rule: Rule) -> None:
    errors: dict[str, list[str]] = {}
    translates = rule.action in (Action.DNAT, Action.SNAT)
    if translates and rule.target is None:
        errors["target"] = [_("Say where to: a host, or a group with one IPv4 and one IPv6 host.")]
    if rule.target is not None:
        if not translates:
            errors["target"] = [_("Only a rule that translates has a target.")]
        elif not _is_one_host(rule.target):
            errors["target"] = [_("“%s” is more than one host of a family.") % rule.target.name]
    if rule.target_port is not None:
        ports = notation.port_ranges(rule.service.ports) if rule.service else ()
        if rule.action != Action.DNAT or not 1 <= rule.target_port <= notation.LAST_PORT:
            errors["target_port"] = [_("Only destination NAT has a port, from 1 to 65535.")]
        elif len(ports) != 1 or ports[0].first != ports[0].last:
            errors["target_port"] = [_("To change the port the rule needs a service with exactly one.")]
    for field, table in (("to_zone", Table.DNAT), ("from_zone", Table.SNAT), ("to_zone", Table.INPUT)):
        if rule.table == table and getattr(rule, field):
            errors[field] = [_("This is not known yet, or no more, when the table is asked.")]
    if rule.log and rule.table in (Table.DNAT, Table.SNAT):
        errors["log"] = [_("NAT rules are not logged; the rule that lets the packet through is.")]
    if errors:
        raise ValidationError(errors)


def _is_one_host(address: AddressObject) -> bool:
    held = list(address.members.all()) if address.kind == AddressKind.GROUP else [address]
    families = [":" in each.value for each in held]
    return all(each.kind == AddressKind.HOST for each in held) and len(families) == len(set(families))
