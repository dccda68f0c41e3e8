# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of rules. A rule's ETag is its version: send it as If-Match, or `version` in the body, with each change."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status
from ninja.errors import HttpError

from appliance.firewall import queries, services
from appliance.firewall.api.references import Reference, actor, named
from appliance.firewall.models import AddressObject, Hits, Rule, Schedule, Service, Table
from appliance.ui.requests import may

router = Router(tags=["firewall"])


class RuleFields(Schema):
    """Objects by name or id; null and "" mean any. In NAT tables `accept` leaves the address as it is."""

    name: str = ""
    action: str = ""
    source: Reference = None
    destination: Reference = None
    service: Reference = None
    from_zone: str = ""
    to_zone: str = ""
    target: Reference = None
    target_port: int | None = None
    until: datetime | None = None
    schedule: Reference = None
    section: str = ""
    tags: list[str] = []
    enabled: bool = True
    log: bool = False
    prepared: bool = False
    comment: str = ""


class RuleOut(RuleFields):
    id: int
    table: str
    position: int
    expired: bool
    version: int
    changed: datetime
    hits: int | None = Field(description="Packets that the kernel counted; null until it has.")
    last_hit: datetime | None
    hits_by_day: dict[str, int] | None = Field(
        description="Packets of the last seven days (UTC, `2026-11-28`), today last; null until something was counted."
    )
    connections: int | None = Field(
        description="Open connections that it decides about or translates; null where none were counted lately."
    )


class RuleList(Schema):
    items: list[RuleOut]
    count: int


class RulePlace(Schema):
    """Ids of rules of the same table, or a position in it from 1; at most one of them."""

    before: int | None = None
    after: int | None = None
    position: int | None = None


class RuleIn(RuleFields, RulePlace):
    name: str
    action: str
    table: str = "forward"


class RuleChange(RuleFields, RulePlace):
    """Only what is sent changes; `version` (or If-Match) is the one that the change was based on."""

    version: int | None = None


@router.get("/rules", response=RuleList)
@may("rules.see")
def list_rules(request: HttpRequest, table: str = "") -> dict[str, Any]:
    if table not in ("", *Table.values):
        raise ValidationError({"table": [_("Choose forward, dnat, snat or input.")]})
    hits = queries.hits()
    items = [_rule(rule, hits.get(rule.pk)) for rule in queries.rules(table)]
    return {"items": items, "count": len(items)}


@router.get("/rules/{rule_id}", response=RuleOut)
@may("rules.see")
def get_rule(request: HttpRequest, response: HttpResponse, rule_id: int) -> dict[str, Any]:
    return _tagged(response, Rule.objects.get(pk=rule_id))


@router.post("/rules", response={201: RuleOut})
@may("rules.change")
def create_rule(request: HttpRequest, response: HttpResponse, payload: RuleIn) -> Status[dict[str, Any]]:
    fields = payload.dict() | _objects(payload.dict(exclude_unset=True)) | _place(payload)
    return Status(201, _tagged(response, services.create_rule(actor=actor(request), **fields)))


@router.patch("/rules/{rule_id}", response=RuleOut)
@may("rules.change")
def update_rule(
    request: HttpRequest, response: HttpResponse, rule_id: int, payload: RuleChange
) -> dict[str, Any]:  # fmt: skip
    sent = payload.dict(exclude_unset=True)
    placed = [name for name in ("before", "after", "position") if sent.pop(name, None) is not None]
    with transaction.atomic():
        rule = Rule.objects.get(pk=rule_id)
        version = _version(request, sent.pop("version", None), rule)
        if sent:
            rule = services.update_rule(actor=actor(request), rule=rule, version=version, **sent | _objects(sent))
        if placed:
            services.move_rule(actor=actor(request), rule=rule, **_place(payload))
    return _tagged(response, rule)


@router.post("/rules/{rule_id}/clone", response={201: RuleOut})
@may("rules.change")
def clone_rule(request: HttpRequest, response: HttpResponse, rule_id: int) -> Status[dict[str, Any]]:
    """Right below, disabled."""
    rule = services.clone_rule(actor=actor(request), rule=queries.rules().get(pk=rule_id))
    return Status(201, _tagged(response, rule))


@router.delete("/rules/{rule_id}", response={204: None})
@may("rules.delete")
def delete_rule(request: HttpRequest, rule_id: int) -> Status[None]:
    rule = Rule.objects.get(pk=rule_id)
    if "If-Match" in request.headers:
        _version(request, None, rule)
    services.delete_rule(actor=actor(request), rule=rule)
    return Status(204, None)


# --- Between rows and JSON ---


def _rule(rule: Rule, hits: Hits | None) -> dict[str, Any]:
    own = {"id": rule.pk, "version": rule.version, "changed": rule.changed, "expired": rule.expired_at is not None}
    return own | queries.counted(hits) | services.describe_rule(rule)


def _tagged(response: HttpResponse, rule: Rule) -> dict[str, Any]:
    response["ETag"] = f'"{rule.version}"'
    return _rule(rule, queries.hits().get(rule.pk))


def _version(request: HttpRequest, sent: int | None, rule: Rule) -> int:
    """412 where the rule is no longer what If-Match says; what the body says is update_rule's to judge."""
    wanted = request.headers.get("If-Match")
    if wanted is not None:
        if wanted != f'"{rule.version}"':
            raise HttpError(412, _("The rule is no longer what you have seen. Read it again."))
        return rule.version
    if sent is None:
        raise ValidationError({"version": [_("Say which version you have seen, here or as If-Match.")]})
    return sent


def _objects(sent: dict[str, Any]) -> dict[str, Any]:
    """The objects behind the references that were sent."""
    found: dict[str, Any] = {
        field: named(AddressObject, field, sent[field])
        for field in ("source", "destination", "target")
        if field in sent
    }
    if "service" in sent:
        found["service"] = named(Service, "service", sent["service"])
    if "schedule" in sent:
        found["schedule"] = named(Schedule, "schedule", sent["schedule"])
    return found


def _place(place: RulePlace) -> dict[str, Any]:
    if sum(value is not None for value in (place.before, place.after, place.position)) > 1:
        raise ValidationError({"position": [_("Say before, after or position, not more than one of them.")]})
    anchors: dict[str, Any] = {"position": place.position}
    for field, key in (("before", place.before), ("after", place.after)):
        anchors[field] = None if key is None else Rule.objects.filter(pk=key).first()
        if key is not None and anchors[field] is None:
            raise ValidationError({field: [_("There is no rule with this id.")]})
    return anchors
