# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads of rules and of the objects they use."""

from __future__ import annotations

from django.db.models import Q, QuerySet

from appliance.firewall.models import AddressObject, Rule, Service


def rules() -> QuerySet[Rule]:
    """In the order in which they decide."""
    return Rule.objects.select_related("source", "destination", "service").order_by("position")


def addresses() -> QuerySet[AddressObject]:
    return AddressObject.objects.prefetch_related("members").order_by("search")


def services() -> QuerySet[Service]:
    return Service.objects.order_by("search")


def rule_uses(address: AddressObject) -> QuerySet[Rule]:
    """Rules that name the object itself; a group that holds it is a use of its own."""
    return rules().filter(Q(source=address) | Q(destination=address))
