# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of what acts at once and ends by itself. Nothing here waits for an apply, and nothing publishes a draft."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema, Status
from ninja.errors import HttpError

from appliance.accounts.queries import permits
from appliance.firewall import queries, services
from appliance.firewall.api.references import Reference, actor, address_named
from appliance.firewall.models import Activation, ActivationKind
from appliance.gate import refusal
from appliance.system import queries as system
from appliance.ui.requests import may
from sipalg_core.contract import names

router = Router(tags=["firewall"])


class ActivationOut(Schema):
    id: int
    kind: str
    name: str
    values: list[str]
    rule_row: int | None
    reason: str
    started: datetime
    started_by: str
    ends: datetime | None
    state: str
    ended: datetime | None
    ended_by: str
    error: str


class ActivationList(Schema):
    items: list[ActivationOut]
    count: int


class NeededOut(Schema):
    text: str
    why: str
    rule: int | None


class NeededList(Schema):
    items: list[NeededOut]
    count: int


class StartIn(Schema):
    until: datetime
    reason: str


class ExemptionIn(Schema):
    """`server` is an address object's name or id; or `values`: addresses, networks, ranges. Null `until`: no end."""

    reason: str
    until: datetime | None = None
    server: Reference = None
    values: list[str] = []
    everything: bool = False


@router.get("/activations", response=ActivationList)
@may("rules.see")
def list_activations(request: HttpRequest, acting: bool = True) -> dict[str, Any]:
    rows = queries.acting(names.NODE) if acting else list(queries.activations(names.NODE))
    return {"items": rows, "count": len(rows)}


@router.get("/activations/{activation_id}", response=ActivationOut)
@may("rules.see")
def get_activation(request: HttpRequest, activation_id: int) -> Activation:
    return queries.activations(names.NODE).get(pk=activation_id)


@router.post("/rules/{rule_id}/start", response={202: ActivationOut})
@may("rules.start")
def start_rule(request: HttpRequest, rule_id: int, payload: StartIn) -> Status[Activation]:
    """A rule of the running revision, on top of it."""
    rule = next((each for each in system.policy_asked(draft=False).rules if each.id == rule_id), None)
    if rule is None:
        raise ValidationError({"rule": [_("The running revision has no such rule.")]})
    return Status(202, services.start_rule(actor=actor(request), rule=rule, **payload.dict()))


@router.post("/exemptions", response={202: ActivationOut})
@may("alg.exempt")
def create_exemption(request: HttpRequest, payload: ExemptionIn) -> Status[Activation]:
    fields = payload.dict(exclude={"everything"}) | {"server": address_named("server", payload.server)}
    if payload.everything:
        fields |= {"values": list(services.EVERYTHING)}
    return Status(202, services.start_exemption(actor=actor(request), **fields))


@router.post("/activations/{activation_id}/stop", response={202: ActivationOut})
@may("rules.start")
def stop_activation(request: HttpRequest, activation_id: int) -> Status[Activation]:
    """An exemption is lifted by whoever may exempt; remote maintenance is ended at `/maintenance`."""
    found = queries.activations(names.NODE).exclude(kind=ActivationKind.MAINTENANCE).get(pk=activation_id)
    if found.kind == ActivationKind.EXEMPTION and not permits(actor(request), "alg.exempt"):
        raise HttpError(403, refusal("alg.exempt"))
    return Status(202, services.stop_activation(actor=actor(request), activation=found))


@router.get("/exemptions/{activation_id}/rules", response=NeededList)
@may("rules.see")
def list_needed(request: HttpRequest, activation_id: int) -> dict[str, Any]:
    """What its servers need while the ALG leaves them alone; `rule` is the draft, where there is one."""
    return _needed(_exemption(activation_id))


@router.post("/exemptions/{activation_id}/rules", response={201: NeededList})
@may("rules.change")
def draft_needed(request: HttpRequest, activation_id: int) -> Status[dict[str, Any]]:
    """As drafts; those that are there already stay as they are."""
    activation = _exemption(activation_id)
    services.draft_needed(actor=actor(request), activation=activation)
    return Status(201, _needed(activation))


def _exemption(activation_id: int) -> Activation:
    return queries.activations(names.NODE).get(pk=activation_id, kind=ActivationKind.EXEMPTION)


def _needed(activation: Activation) -> dict[str, Any]:
    items = [
        {"text": each.text, "why": each.why, "rule": each.drafted.pk if each.drafted else None}
        for each in services.rules_needed(activation)
    ]
    return {"items": items, "count": len(items)}
