# SPDX-License-Identifier: GPL-2.0-or-later
"""A recipe's plan, or a rule of which something was typed, as drafts in one transaction, with the objects of them."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import transaction
from django.utils.safestring import SafeString

from appliance.firewall.columns import rule_sentence
from appliance.firewall.models import Rule
from appliance.firewall.services.made import free_name, with_objects
from appliance.firewall.services.rules import Actor, create_rule, update_rule
from appliance.recipes.plans import Draft, Plan
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
        ends = with_objects(actor, {"signalling": plan.provider.signalling, "media": plan.provider.media})
        if not Provider.objects.filter(signalling=ends["signalling"]).exists():
            name = free_name(Provider, plan.provider.name)
            create_provider(
                actor=actor, name=name, **ends, symmetric_media=plan.provider.symmetric, template=plan.provider.template
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
def create_rule_as_typed(*, actor: Actor, **values: Any) -> Rule:
    """As create_rule; what was typed instead of chosen (a Place, Ports) becomes an object with it."""
    return create_rule(actor=actor, **with_objects(actor, values))


@transaction.atomic
def update_rule_as_typed(*, actor: Actor, rule: Rule, version: int, **values: Any) -> Rule:
    """As update_rule; what was typed instead of chosen (a Place, Ports) becomes an object with it."""
    return update_rule(actor=actor, rule=rule, version=version, **with_objects(actor, values))


def _rule(actor: Actor, draft: Draft) -> Rule:
    said: dict[str, Any] = {
        "table": draft.table, "action": draft.action, "service": draft.service, "source": draft.source,
        "destination": draft.destination, "target": draft.target, "from_zone": draft.from_zone,
        "to_zone": draft.to_zone, "until": draft.until,
    }  # fmt: skip
    fields = with_objects(actor, said)
    same = Rule.objects.filter(enabled=True, expired_at=None, **fields).first()
    return same or create_rule(actor=actor, name=draft.name, section=draft.section, **fields)
