# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write of the first-run wizard: what was answered, the drafts that follow, and its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall import services as firewall
from appliance.firewall.models import AddressObject, Rule, Service
from appliance.firewall.services import Drafted
from appliance.recipes.plans import Plan
from appliance.sip import services as sip
from appliance.sip.models import Provider
from appliance.system.models import Revision, Setup
from appliance.system.queries import setup_now
from appliance.system.services.revisions import DEFAULT_WINDOW, request_apply

_MADE: Final[tuple[type[models.Model], ...]] = (Rule, Provider, Service, AddressObject)
"""What a plan makes; in the order in which it can be deleted."""


@transaction.atomic
def pass_step(*, actor: User | str, step: str, answers: Mapping[str, Any]) -> Setup:
    """Note that a step is done, and what was answered; its answers never hold a secret."""
    setup = setup_now()
    setup.author = setup.author or str(actor)
    setup.answers = setup.answers | {step: dict(answers)}
    setup.passed = [*(each for each in setup.passed if each != step), step]
    setup.save()
    record(actor=actor, verb="set up", target=setup, reason=step, after=dict(answers))
    return setup


@transaction.atomic
def draft_setup(*, actor: User | str, plan: Plan) -> Drafted:
    """The plan as drafts; what an earlier answer has drafted and nothing else uses goes."""
    setup = setup_now()
    before = {model: set(model._default_manager.values_list("pk", flat=True)) for model in _MADE}
    drafted = firewall.draft_plan(actor=actor, plan=plan)
    wanted = {rule.pk for rule in drafted.rules}
    made = {
        _word(model): sorted(set(model._default_manager.values_list("pk", flat=True)) - before[model])
        for model in _MADE
    }
    kept = _drop(actor, setup.drafted, wanted, _servers_of(plan))
    setup.drafted = {word: sorted({*kept.get(word, ()), *made[word]}) for word in made}
    setup.save()
    return drafted


def _drop(
    actor: User | str, drafted: Mapping[str, list[int]], rules: set[int], servers: set[str]
) -> dict[str, list[int]]:
    """Delete what was drafted before and is not wanted any more; what stays, by model."""
    kept: dict[str, list[int]] = {}
    for rule in Rule.objects.filter(pk__in=drafted.get("rule", ())).exclude(pk__in=rules):
        firewall.delete_rule(actor=actor, rule=rule)
    for provider in Provider.objects.filter(pk__in=drafted.get("provider", ())).select_related("signalling"):
        if provider.signalling.value not in servers:
            sip.delete_provider(actor=actor, provider=provider)
    for service in Service.objects.filter(pk__in=drafted.get("service", ())):
        _if_unused(lambda one=service: firewall.delete_service(actor=actor, service=one))
    for address in AddressObject.objects.filter(pk__in=drafted.get("addressobject", ())):
        _if_unused(lambda one=address: firewall.delete_address(actor=actor, address=one))
    for model in _MADE:
        there = model._default_manager.filter(pk__in=drafted.get(_word(model), ()))
        kept[_word(model)] = list(there.values_list("pk", flat=True))
    return kept


def _if_unused(delete: Any) -> None:
    try:
        with transaction.atomic():
            delete()
    except ValidationError:
        return  # something else uses it


def _servers_of(plan: Plan) -> set[str]:
    return {plan.provider.signalling.value} if plan.provider else set()


def _word(model: type[models.Model]) -> str:
    return str(model._meta.model_name)


@transaction.atomic
def apply_setup(*, actor: User | str, access: Any) -> Revision:
    """The drafts as a revision on trial, as any other change."""
    revision = request_apply(actor=actor, reason=_("First set-up"), confirm_within=DEFAULT_WINDOW, access=access)
    setup = setup_now()
    setup.revision = revision.number
    setup.save()
    return revision


def note_heard(*, registered: bool, up: bool, down: bool) -> Setup:
    """What the live check sees; what it has seen once it has seen."""
    setup = setup_now()
    seen = {
        word: setup.seen.get(word, False) or now
        for word, now in (("registered", registered), ("up", up), ("down", down))
    }
    if seen != setup.seen:
        setup.seen = seen
        setup.save()
    return setup


@transaction.atomic
def end_setup(*, actor: User | str, verb: str) -> Setup:
    """`verb`: "finish set-up", or "dismiss set-up" of whoever does without it."""
    setup = setup_now()
    setup.ended = timezone.now()
    setup.save()
    record(actor=actor, verb=verb, target=setup)
    return setup


@transaction.atomic
def restart_setup(*, actor: User | str) -> Setup:
    """From the first step; what is configured stays, and so does what was answered, so that nothing is asked twice."""
    setup = setup_now()
    setup.ended, setup.passed, setup.seen, setup.revision, setup.started = None, [], {}, None, timezone.now()
    setup.save()
    record(actor=actor, verb="restart set-up", target=setup)
    return setup
