# SPDX-License-Identifier: GPL-2.0-or-later
"""How interfaces and zones are said in the console."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appliance.network.models import Interface, Role
from appliance.ruleset.policy import Rule
from appliance.ruleset.sides import Between, between_all
from appliance.system.queries import policy_asked

JUST_NOW: Final = 15.0
"""Seconds for which a cable that was plugged or pulled is pointed out."""


def interfaces(rows: Iterable[Interface], live: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The configured ones, each with what the kernel says of it, then those that nobody has given a role."""
    links = {link["name"]: link for link in live}
    known = {row.name: row for row in rows}
    return [_interface(name, known.get(name), links.get(name)) for name in [*known, *(links.keys() - known.keys())]]


def _interface(name: str, row: Interface | None, link: Mapping[str, Any] | None) -> dict[str, Any]:
    held = [each for each in (link["held"] if link else ()) if each["usable"]]
    found = [each["address"] for each in held]
    return {
        "name": name,
        "row": row,
        "link": link,
        "level": "ok" if link and link["carrier"] else "warning",
        "state": _state(link),
        "held": [{"address": each["address"], "origin": _origin(each)} for each in held],
        "differs": sorted(set(row.addresses) ^ set(found)) if row and link else [],
        "configured": row.addresses if row else [],
        "just_now": bool(link and link["changed"] and time.time() - link["changed"] < JUST_NOW),
    }


def _state(link: Mapping[str, Any] | None) -> str:
    if link is None:
        return _("not known to the kernel")
    if not link["up"]:
        return _("switched off")
    if not link["carrier"]:
        return _("no cable")
    speed: int | None = link["speed"]
    if speed and speed % 1000 == 0:
        return str(_("%d Gbit/s") % (speed // 1000))
    return str(_("%d Mbit/s") % speed if speed else _("connected"))


def _origin(held: Mapping[str, Any]) -> str:
    if held["left"] is not None:
        minutes: int = held["left"] // 60
        return _("by DHCP, %d min left") % minutes
    return _("fixed") if held["static"] else _("by DHCP")


class Cell(NamedTuple):
    source: Role
    target: Role
    rules: int
    sip: int

    @property
    def words(self) -> str:
        return ngettext("%d rule", "%d rules", self.rules) % self.rules if self.rules else _("closed")

    @property
    def page(self) -> str:
        """Where the list of rules shows just those that are counted here."""
        asked = f"from:{self.source.value} to:{self.target.value} {_LET_IN}"
        return f"{reverse('firewall:rules')}?{urlencode({'table': 'forward', 'q': asked})}"


_LET_IN: Final = "is:accept -is:disabled -is:expired"


def matrix() -> list[dict[str, Any]]:
    """Zone by zone: how many rules of the draft let something pass from one to the other."""
    used = set(Interface.objects.values_list("role", flat=True))
    roles = [role for role in Role if role in used]
    policy = policy_asked(draft=True)
    between = between_all(policy)
    let_in = [rule for rule in policy.rules
              if rule.table == "forward" and rule.action == "accept" and rule.enabled and not rule.expired]  # fmt: skip
    return [{"role": source, "cells": [_cell(source, target, let_in, between) for target in roles]} for source in roles]


def _cell(source: Role, target: Role, let_in: Iterable[Rule], between: Mapping[int, Between]) -> Cell:
    found = [each for each in let_in if source in between[each.id].sources and target in between[each.id].targets]
    return Cell(source, target, len(found), sum(each.opens_alg for each in found))
