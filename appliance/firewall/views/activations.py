# SPDX-License-Identifier: GPL-2.0-or-later
"""What acts at once and ends by itself: rules started for a time, and servers that the ALG leaves alone."""

from __future__ import annotations

from datetime import UTC, datetime
from time import time
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from appliance.accounts.queries import permits
from appliance.firewall import queries, services
from appliance.firewall.forms import ExemptionForm, StartForm
from appliance.firewall.models import Activation, ActivationKind, Rule
from appliance.firewall.views.forms import form_page
from appliance.gate import refusal
from appliance.ruleset.policy import Rule as Running
from appliance.ruleset.snapshot import values_of
from appliance.system import queries as system
from appliance.ui.requests import UNDO, OperatorRequest, may, offer_undo, undo_offer
from sipalg_core.contract import names

SHOWN = 50


@may("rules.see")
def activations(request: OperatorRequest) -> HttpResponse:
    acting = queries.acting(names.NODE)
    ended = queries.activations(names.NODE).exclude(pk__in=[each.pk for each in acting])[:SHOWN]
    policy = system.policy_asked(draft=False)
    mine = permits(request.user, "rules.change")
    ready = [rule for rule in policy.rules if not rule.enabled and (rule.prepared or mine) and not rule.opens_alg]
    ending = sorted((rule for rule in policy.rules if rule.until and rule.enabled and not rule.expired), key=_end)
    context = {
        "acting": acting, "ended": ended, "ready": ready, "busy": {each.rule_row for each in acting},
        "ending": [(rule, datetime.fromtimestamp(_end(rule), UTC)) for rule in ending if _end(rule) > time()],
    }  # fmt: skip
    return render(request, "firewall/activations.html", context)


def _end(rule: Running) -> int:
    return rule.until or 0


@may("rules.start")
def start_rule(request: OperatorRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(Rule, pk=pk)
    form = StartForm(request.POST or None)
    running = next((each for each in system.policy_asked(draft=False).rules if each.id == pk), None)

    def start(values: dict[str, Any]) -> None:
        if running is None:
            raise ValidationError(_("This rule is a draft only. What has not been applied cannot be started."))
        services.start_rule(actor=request.user, rule=running, until=values["until"], reason=values["reason"])

    if request.method == "POST" and form.accepted(start):
        return _to(request, reverse("firewall:activations"))
    return _form(request, form, _("Start “%s” for a time") % rule.name, reverse("firewall:activations"))


@may("rules.see")
def exemptions(request: OperatorRequest) -> HttpResponse:
    acting = queries.exempt(names.NODE)
    before = queries.activations(names.NODE).filter(kind=ActivationKind.EXEMPTION)
    by_object = {each.address_row: each for each in acting}
    policy = system.policy_asked(draft=False)
    wanted = {rule.destination.name.casefold() for rule in policy.rules if rule.opens_alg and rule.destination}
    servers = [
        (server, values_of(server), by_object.pop(server.pk, None))
        for server in queries.addresses()
        if server.search in wanted
    ]
    others = [each for each in acting if each in by_object.values() or each.address_row is None]
    ended = before.exclude(pk__in=[each.pk for each in acting])[:SHOWN]
    context = {"servers": servers, "others": others, "ended": ended, "acting": acting}
    return render(request, "firewall/exemptions.html", context)


@may("alg.exempt")
def exempt(request: OperatorRequest) -> HttpResponse:
    form = ExemptionForm(request.POST or None, initial={"server": request.GET.get("server")})
    made: list[Activation] = []

    def start(values: dict[str, Any]) -> None:
        made.append(services.start_exemption(actor=request.user, **values))

    if request.method == "POST" and form.accepted(start):
        return _to(request, reverse("firewall:exemptions_show", args=[made[0].pk]))
    sentence = _(
        "SIP with this server passes unchanged, and the ALG opens nothing for it. Calls that it carries now end; "
        "telephones register anew. Encrypted SIP (5061) is not affected. Afterwards you see which rules are needed."
    )
    context = {"notice": sentence}
    return _form(request, form, _("Exempt a server from the ALG"), reverse("firewall:exemptions"), context)


@may("rules.see")
def show_exemption(request: OperatorRequest, pk: int) -> HttpResponse:
    activation = get_object_or_404(queries.activations(names.NODE), pk=pk, kind=ActivationKind.EXEMPTION)
    context = {"activation": activation, "needed": services.rules_needed(activation)}
    template = "firewall/_exemption.html" if request.htmx else "firewall/exemption.html"
    return render(request, template, context)


@require_POST
@may("rules.change")
def draft_rules(request: OperatorRequest, pk: int) -> HttpResponse:
    activation = get_object_or_404(queries.activations(names.NODE), pk=pk, kind=ActivationKind.EXEMPTION)
    try:
        drafted = len(services.draft_needed(actor=request.user, activation=activation))
        text = ngettext(
            "%d rule is drafted. Review and apply it.", "%d rules are drafted. Review and apply them.", drafted
        )
        messages.success(request, text % drafted)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("firewall:exemptions_show", pk=pk)


@require_POST
@may("rules.start")
def stop(request: OperatorRequest, pk: int) -> HttpResponse:
    """An exemption is lifted by whoever may exempt, a maintenance window on its own page."""
    activation = get_object_or_404(queries.activations(names.NODE).exclude(kind=ActivationKind.MAINTENANCE), pk=pk)
    if not _may_end(request, activation):
        return redirect(_list_of(activation))
    try:
        services.stop_activation(actor=request.user, activation=activation)
        offer_undo(request, {"kind": "activation", "pk": activation.pk, "name": activation.name})
        messages.success(request, _("“%s” has ended. What it let in is cut.") % activation.name)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(_list_of(activation))


@require_POST
@may("rules.start")
def undo(request: OperatorRequest) -> HttpResponse:
    """What somebody has just ended before its time acts again, until the end that it had."""
    offer = undo_offer(request)
    request.session.pop(UNDO, None)
    if offer is None or offer["kind"] != "activation":
        messages.warning(request, _("There is nothing to undo any more."))
        return redirect("firewall:activations")
    ended = get_object_or_404(queries.activations(names.NODE), pk=offer["pk"])
    if not _may_end(request, ended):
        return redirect(_list_of(ended))
    try:
        services.start_again(actor=request.user, activation=ended)
        messages.success(request, _("“%s” acts again.") % ended.name)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(_list_of(ended))


def _may_end(request: OperatorRequest, activation: Activation) -> bool:
    """An exemption is in the hands of who may exempt; to others it is said."""
    allowed = activation.kind != ActivationKind.EXEMPTION or permits(request.user, "alg.exempt")
    if not allowed:
        messages.error(request, refusal("alg.exempt"))
    return allowed


def _list_of(activation: Activation) -> str:
    return "firewall:exemptions" if activation.kind == ActivationKind.EXEMPTION else "firewall:activations"


def _form(
    request: OperatorRequest, form: Any, title: str, back: str, context: dict[str, Any] | None = None
) -> HttpResponse:  # fmt: skip
    rows = {"rows": [[name] for name in form.fields], "submit": _("Start now")}
    return form_page(request, form, title, back, rows | (context or {}))


def _to(request: OperatorRequest, address: str) -> HttpResponse:
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)
