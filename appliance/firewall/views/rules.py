# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of rules, one table at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from appliance.firewall import columns, queries, services
from appliance.firewall.forms import RuleForm
from appliance.firewall.models import Hits, Rule, Table
from appliance.firewall.views.forms import done, form_page
from appliance.firewall.views.rule_list import State, States, shown
from appliance.network.models import Role
from appliance.system.views.revisions import review_context
from appliance.ui.requests import UNDO, OperatorRequest, may, undo_offer

UNDO_SECONDS: Final = 30.0
"""Longer than the offer is seen: a page under load may come late."""

RULE_ROWS: Final = (
    ("name",),
    ("action", "service"),
    ("source", "from_zone"),
    ("destination", "to_zone"),
    ("target", "target_port"),
    ("until", "schedule"),
    ("section", "tags"),
    ("comment",),
    ("enabled", "log"),
    ("prepared",),
)
"""Fields that stand beside each other."""


@may("rules.see")
def rules(request: OperatorRequest) -> HttpResponse:
    context = _list_context(_table(request), request.GET.get("q", "")[:200]) | review_context(request)
    zones = {name: request.GET[name] for name in ("from_zone", "to_zone") if request.GET.get(name) in Role.values}
    if zones:
        inside = [each for each in context["rules"] if all(getattr(each.rule, n) in ("", z) for n, z in zones.items())]
        context |= {"rules": inside, "zones": {name: Role(zone).label for name, zone in zones.items()}}
    template = "firewall/_rule_list.html" if request.htmx else "firewall/rules.html"
    return render(request, template, context)


@may("rules.change")
def add_rule(request: OperatorRequest) -> HttpResponse:
    table = _table(request)
    form = RuleForm(request.POST or None, table=table)
    if request.method == "POST" and form.accepted(
        lambda values: services.create_rule(actor=request.user, table=table, **_without_version(values))
    ):
        return done(request, "firewall:rules")
    return _rule_form(request, form, _("Add rule"), table)


@may("rules.change")
def edit_rule(request: OperatorRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.rules(), pk=pk)
    initial = {field: getattr(rule, field) for field in (*services.RULE_FIELDS, "version")}
    table = Table(rule.table)
    form = RuleForm(request.POST or None, initial=initial, table=table)

    def save(values: dict[str, Any]) -> None:
        version = values["version"] or 0
        services.update_rule(actor=request.user, rule=rule, version=version, **_without_version(values))

    if request.method == "POST" and form.accepted(save):
        return done(request, "firewall:rules")
    overtaken = form.is_bound and form["version"].value() != str(rule.version)
    if overtaken:
        mine = request.POST.copy()
        mine["version"] = str(rule.version)  # who has seen the other's rule may replace it
        form.data = mine
    return _rule_form(request, form, _("Edit rule"), table, rule, overtaken=overtaken)


@may("rules.see")
def sentence(request: OperatorRequest) -> HttpResponse:
    """The unfinished form in words, while somebody types."""
    table = _table(request)
    form = RuleForm(request.GET, table=table)
    form.full_clean()
    return HttpResponse(columns.sentence(form.cleaned_data | {"table": table}))


@require_POST
@may("rules.change")
def switch_rule(request: OperatorRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(Rule, pk=pk)
    return _change_list(
        request,
        rule.table,
        lambda: services.set_rule_enabled(actor=request.user, rule=rule, enabled="enabled" in request.POST),
    )


@require_POST
@may("rules.change")
def move_rule(request: OperatorRequest, pk: int) -> HttpResponse:
    """One place up or down; at either end it stays where it is."""
    rule = get_object_or_404(Rule, pk=pk)
    order = list(queries.rules(rule.table))
    index = order.index(rule)
    if request.POST.get("direction") == "up":
        neighbour: dict[str, Any] = {"before": order[index - 1]} if index else {}
    else:
        neighbour = {"after": order[index + 1]} if index + 1 < len(order) else {}
    if neighbour:
        offer_undo(request, rule, "move")
    return _change_list(
        request, rule.table, lambda: neighbour and services.move_rule(actor=request.user, rule=rule, **neighbour)
    )  # fmt: skip


@require_POST
@may("rules.delete")
def delete_rule(request: OperatorRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(Rule, pk=pk)
    offer_undo(request, rule, "delete")
    services.delete_rule(actor=request.user, rule=rule)
    return done(request, "firewall:rules")


@require_POST
@may("rules.change")
def undo(request: OperatorRequest) -> HttpResponse:
    """Take the last deletion or move back, while it is offered and nobody has changed the rule since."""
    offer = undo_offer(request)
    request.session.pop(UNDO, None)
    if offer is None:
        messages.warning(request, _("There is nothing to undo any more."))
        return redirect("firewall:rules")
    try:
        rule = services.take_back(actor=request.user, offer=offer)
        messages.success(request, _("“%s” is where it was.") % rule.name)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(f"{reverse('firewall:rules')}?table={offer['table']}")


@require_POST
@may("rules.change")
def clone_rule(request: OperatorRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.rules(), pk=pk)
    return _change_list(request, rule.table, lambda: services.clone_rule(actor=request.user, rule=rule))


def offer_undo(request: OperatorRequest, rule: Rule, kind: services.UndoKind) -> None:
    """The next page shows it, for ten seconds (static/css/content.css); here it works a little longer."""
    request.session[UNDO] = services.remembered(rule, kind) | {"until": time.time() + UNDO_SECONDS}


def _table(request: OperatorRequest) -> Table:
    asked = request.GET.get("table", "")
    return Table(asked) if asked in Table.values else Table.FORWARD


class Line(NamedTuple):
    rule: Rule
    sentence: str
    hits: Hits | None
    state: State
    draft: bool


def _list_context(table: Table, text: str = "") -> dict[str, Any]:
    listed, hits = list(queries.rules(table)), queries.hits()
    states = States(hits)
    lines = [
        Line(rule, columns.rule_sentence(rule), hits.get(rule.pk), states.of(rule), states.is_draft(rule))
        for rule in (shown(listed, text) if text.strip() else listed)
    ]
    before, after = columns.AUTOMATIC[table]
    return {
        "table": table,
        "tables": Table,
        "rules": lines,
        "all": len(listed),
        "asked": text,
        "last": len(listed),
        "before_rules": before,
        "after_rules": after,
    }


def _change_list(request: OperatorRequest, table: str, verb: Callable[[], object]) -> HttpResponse:
    """Do it, and answer with the list as it is then; a refusal is said above it."""
    try:
        verb()
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    if not request.htmx:
        return redirect(f"{reverse('firewall:rules')}?table={table}")
    response = render(request, "firewall/rules.html", _list_context(Table(table)) | review_context(request))
    return trigger_client_event(response, "changed")


def _rule_form(
    request: OperatorRequest,
    form: RuleForm,
    title: str,
    table: Table,
    rule: Rule | None = None,
    *,
    overtaken: bool = False,
) -> HttpResponse:
    bound = form.is_bound and hasattr(form, "cleaned_data")
    values = dict(form.cleaned_data if bound else form.initial)
    context = {
        "sentence": columns.sentence(values | {"table": table}),
        "theirs": rule and overtaken and columns.rule_sentence(rule),
        "sentence_url": f"{reverse('firewall:rules_sentence')}?table={table}",
        "rows": [[name for name in row if name in form.fields] for row in RULE_ROWS],
        "delete_url": rule and reverse("firewall:rules_delete", args=[rule.pk]),
    }
    return form_page(request, form, title, reverse("firewall:rules"), context)


def _without_version(values: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in values.items() if field != "version"}
