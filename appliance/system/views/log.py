# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of the live log, and one line of it with what can be done about it."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from appliance.firewall import queries as firewall
from appliance.firewall.models import Rule, Table
from appliance.kernel import kept_lines
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.kernel.lines import SKIPPED, Line
from appliance.network.queries import interfaces
from appliance.system import columns, queries
from appliance.ui.columns import LiveTable
from appliance.ui.requests import OperatorRequest, may

_VALUES: Final = ("verdict", "rule", "iif", "oif", "saddr", "sport", "daddr", "dport", "protocol", "flags")


@may("traffic.see")
def log(request: OperatorRequest) -> HttpResponse:
    return render(request, "system/log.html", {"table": _table(), "listening": kept_lines.listening()})


@may("traffic.see")
def line(request: OperatorRequest, line_id: str) -> HttpResponse:
    template = "system/_log_line.html" if request.htmx else "system/log_line.html"
    try:
        found = kept_lines.line(line_id)
    except NetadminUnavailable as error:
        return render(request, template, {"unavailable": str(error)})
    if found is None:
        return render(request, template, {"unavailable": _("This line is not kept any more.")})
    table, rule = _table(), _rule(found)
    context = {
        "line": found,
        "skipped": found["verdict"] == SKIPPED,
        "sentence": columns.line_sentence(found, table),
        "values": _values(found, table),
        "rule": rule,
        "rule_url": rule and f"{reverse('firewall:rules')}?table={rule.table}#rule-{rule.pk}",
        "make_url": f"{reverse('firewall:rules_from_packet')}?{urlencode(_packet(found, rule))}",
    }
    return render(request, template, context)


def _table() -> LiveTable:
    zones = {each.name: str(each.get_role_display()) for each in interfaces()}
    return columns.log_table(queries.rule_names(), zones)


def _values(found: Line, table: LiveTable) -> list[dict[str, str]]:
    """Each with the filters that it makes."""
    plain: dict[str, Any] = dict(found)
    shown = {each.key: each for each in table.columns} | {each.below: each for each in table.columns if each.below}
    values = []
    for key in _VALUES:
        if not plain[key] or " " in plain[key]:
            continue
        column = shown[key]
        own = column.key == key
        word = column.words.get(plain[key]) if own else None
        port = {"sport": _("Port there"), "dport": _("Port")}
        label = str(column.label) if own else str(port.get(key, _("Flags")))
        term = f"{key}:{plain[key]}"
        values.append({
            "label": label, "value": str(word.label) if word else plain[key],
            "only": "?" + urlencode({"q": term}), "without": "?" + urlencode({"q": f"-{term}"}),
        })  # fmt: skip
    return values


def _rule(found: Line) -> Rule | None:
    _kind, _colon, key = found["rule"].partition(":")
    return firewall.rules().filter(pk=int(key)).first() if key.isdecimal() else None


def _packet(found: Line, rule: Rule | None) -> dict[str, str]:
    """For the form of a new rule (recipes.seen.PacketSeen)."""
    roles = {each.name: each.role for each in interfaces()}
    asked = {
        "saddr": found["saddr"], "daddr": found["daddr"], "protocol": found["protocol"], "dport": found["dport"],
        "from_zone": roles.get(found["iif"], ""), "to_zone": roles.get(found["oif"], ""),
        "table": Table.FORWARD.value if found["oif"] else Table.INPUT.value, "rule": str(rule.pk) if rule else "",
    }  # fmt: skip
    return {name: value for name, value in asked.items() if value}
