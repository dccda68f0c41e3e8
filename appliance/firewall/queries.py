# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads of rules and of the objects they use."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils import timezone

from appliance.accounts.queries import boot_id
from appliance.firewall.models import (
    Activation,
    ActivationKind,
    ActivationState,
    AddressObject,
    Hits,
    Rule,
    Schedule,
    Service,
)


def rules(table: str = "") -> QuerySet[Rule]:
    """Of one table or of all, in the order in which they decide."""
    chosen = Rule.objects.filter(table=table) if table else Rule.objects.all()
    return chosen.select_related("source", "destination", "service", "target", "schedule").order_by("table", "position")


def acting(node: str) -> list[Activation]:
    """What acts on top of the running revision, or is about to. A reboot does not renew remote maintenance."""
    chosen = Activation.objects.filter(node=node, state__in=[ActivationState.ASKED, ActivationState.ACTIVE])
    chosen = chosen.filter(Q(ends=None) | Q(ends__gt=timezone.now()))
    return list(chosen.exclude(Q(kind=ActivationKind.MAINTENANCE) & ~Q(boot=boot_id())).order_by("pk"))


def overdue(node: str) -> list[Activation]:
    """Marked as acting, though their time is over or the machine has started anew."""
    marked = Activation.objects.filter(node=node, state__in=[ActivationState.ASKED, ActivationState.ACTIVE])
    return list(marked.exclude(pk__in=[each.pk for each in acting(node)]))


def activations(node: str) -> QuerySet[Activation]:
    """Newest first."""
    return Activation.objects.filter(node=node)


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
