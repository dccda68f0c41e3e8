# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads of rules and of the objects they use."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet

from appliance.firewall.models import AddressObject, Hits, Rule, Schedule, Service


def rules(table: str = "") -> QuerySet[Rule]:
    """Of one table or of all, in the order in which they decide."""
    chosen = Rule.objects.filter(table=table) if table else Rule.objects.all()
    return chosen.select_related("source", "destination", "service", "target", "schedule").order_by("table", "position")


def schedules() -> QuerySet[Schedule]:
    return Schedule.objects.order_by("search")


def due(now: datetime) -> QuerySet[Rule]:
    """Past their end and not marked so yet."""
    return Rule.objects.filter(until__lte=now, expired_at=None)


def hits() -> dict[int, Hits]:
    return {each.rule_id: each for each in Hits.objects.all()}


def addresses() -> QuerySet[AddressObject]:
    return AddressObject.objects.prefetch_related("members").order_by("search")


def services() -> QuerySet[Service]:
    return Service.objects.order_by("search")


def rule_uses(address: AddressObject) -> QuerySet[Rule]:
    """Rules that name the object itself; a group that holds it is a use of its own."""
    return rules().filter(Q(source=address) | Q(destination=address) | Q(target=address))
