# SPDX-License-Identifier: GPL-2.0-or-later
"""A recipe's plan or a packet that was seen, as drafts in one transaction; an object that is there already is used."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import transaction
from django.utils.safestring import SafeString

from appliance.firewall.columns import rule_sentence
from appliance.firewall.models import AddressObject, Rule, Service
from appliance.firewall.services.addresses import create_address
from appliance.firewall.services.objects import create_service
from appliance.firewall.services.rules import Actor, create_rule
from appliance.recipes.plans import Draft, Place, Plan, Ports, Wanted
from appliance.recipes.words import ADVICE
from appliance.sip.models import Provider
from appliance.sip.services import create_provider


class Drafted(NamedTuple):
    rules: list[Rule]
    sentences: list[SafeString]
    advice: list[str]


@transaction.atomic
def draft_plan(*, actor: Actor, plan: Plan) -> Drafted:
    """All of it or nothing; a rule that says the same already is not made twice."""
    if plan.provider is not None:
        signalling = _address(actor, plan.provider.signalling)
        media = _address(actor, plan.provider.media) if plan.provider.media else None
        if not Provider.objects.filter(signalling=signalling).exists():
            name = _free_name(Provider, plan.provider.name)
            create_provider(
                actor=actor, name=name, signalling=signalling, media=media, symmetric_media=plan.provider.symmetric,
                template=plan.provider.template,
            )  # fmt: skip
    rules = [_rule(actor, each) for each in plan.rules]
    return Drafted(rules, [rule_sentence(rule) for rule in rules], [str(ADVICE[code]) for code in plan.advice])


def preview_plan(*, plan: Plan) -> Drafted:
    """What `draft_plan` would make, in words; nothing stays."""
    with transaction.atomic():
        drafted = draft_plan(actor="preview", plan=plan)
        transaction.set_rollback(True)
    return drafted


@transaction.atomic
def draft_seen(*, actor: Actor, wanted: Wanted, **values: Any) -> Rule:
    """A rule for a packet, before the one that decided about it; `values` are those of recipes.seen.SeenRuleForm."""
    made: dict[str, Any] = {}
    for field in ("source", "destination", "service"):
        value = values.pop(field, None)
        if isinstance(value, Place):
            value = _address(actor, value)
        made[field] = _service(actor, value) if isinstance(value, Ports) else value
    return create_rule(actor=actor, table=wanted.table, before=wanted.before, **values, **made)


def _rule(actor: Actor, draft: Draft) -> Rule:
    fields: dict[str, Any] = {
        "table": draft.table, "action": draft.action, "service": draft.service and _service(actor, draft.service),
        "source": draft.source and _address(actor, draft.source),
        "destination": draft.destination and _address(actor, draft.destination),
        "target": draft.target and _address(actor, draft.target),
        "from_zone": draft.from_zone, "to_zone": draft.to_zone, "until": draft.until,
    }  # fmt: skip
    same = Rule.objects.filter(enabled=True, expired_at=None, **fields).first()
    return same or create_rule(actor=actor, name=draft.name, section=draft.section, **fields)


def _address(actor: Actor, place: Place) -> AddressObject:
    same = AddressObject.objects.filter(kind=place.kind, value__iexact=place.value).first()
    name = _free_name(AddressObject, place.name)
    return same or create_address(actor=actor, name=name, kind=place.kind, value=place.value)


def _service(actor: Actor, ports: Ports) -> Service:
    fields: dict[str, Any] = {"protocol": ports.protocol, "ports": ports.ports, "application": ports.application}
    same = Service.objects.filter(**fields).first()
    return same or create_service(actor=actor, name=_free_name(Service, ports.name), **fields)


def _free_name(model: Any, wanted: str) -> str:
    wanted = wanted[:70]
    taken = {each.casefold() for each in model.objects.values_list("name", flat=True)}
    names = [wanted, *(f"{wanted} {number}" for number in range(2, len(taken) + 3))]
    return next(name for name in names if name.casefold() not in taken)
