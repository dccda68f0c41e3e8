# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads of interfaces."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

from appliance.kernel.inquiry import ask
from appliance.network.models import Found, Interface
from sipalg_core.contract import names


def interfaces(node: str = names.NODE) -> QuerySet[Interface]:
    return Interface.objects.filter(node=node)


def found(node: str = names.NODE) -> dict[str, list[str]]:
    """The kernel's addresses by interface, as netadmin last saw them."""
    return {each.name: each.addresses for each in Found.objects.filter(node=node)}


def live_links(node: str = names.NODE) -> list[dict[str, Any]]:
    """What the kernel has right now (kernel.links.Link, and `changed`); raise NetadminUnavailable."""
    links: list[dict[str, Any]] = ask("links", node=node)
    return links
