# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of the questions: which rule decides, and who can reach a host. Nothing is sent and nothing changes."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema

from appliance.firewall.api.references import checked
from appliance.firewall.forms import PacketForm, ReachForm
from appliance.ruleset.decide import decide, reaching
from appliance.system import queries as system
from appliance.ui.requests import may

router = Router(tags=["firewall"])


class PacketIn(Schema):
    """The first packet of a connection; `at` is now where it is not given. ICMP is a ping; `other` needs its number."""

    saddr: str
    daddr: str
    protocol: str
    number: int | None = None
    dport: int | None = None
    at: datetime | None = None
    draft: bool = False


class DecisionOut(Schema):
    """`reason`, `dnat` and `snat` are `rule:<id>` or `auto:<word>`; addresses and port as the packet arrives."""

    verdict: str
    reason: str
    saddr: str
    daddr: str
    dport: int | None
    iifname: str
    oifname: str
    dnat: str
    snat: str
    alg: bool


class Reaching(Schema):
    id: int
    name: str
    table: str
    alg: bool


class ReachingList(Schema):
    items: list[Reaching]
    count: int


@router.get("/decide", response=DecisionOut)
@may("questions.ask")
def which_rule_decides(request: HttpRequest, asked: Query[PacketIn]) -> dict[str, Any]:
    form = checked(PacketForm(asked.dict()))
    policy = system.policy_asked(draft=asked.draft)
    decision = decide(policy, form.packet(policy))
    packet = decision.packet
    return {
        "verdict": decision.verdict, "reason": decision.reason, "saddr": str(packet.saddr),
        "daddr": str(packet.daddr), "dport": packet.dport, "iifname": packet.iifname, "oifname": decision.oifname,
        "dnat": decision.dnat, "snat": decision.snat, "alg": decision.alg,
    }  # fmt: skip


@router.get("/reaching", response=ReachingList)
@may("questions.ask")
def who_can_reach(request: HttpRequest, host: str, draft: bool = False) -> dict[str, Any]:
    form = checked(ReachForm({"host": host}))
    rules = reaching(system.policy_asked(draft=draft), form.cleaned_data["host"])
    items = [{"id": rule.id, "name": rule.name, "table": rule.table, "alg": rule.opens_alg} for rule in rules]
    return {"items": items, "count": len(items)}
