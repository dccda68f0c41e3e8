# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of rules, one table at a time."""

from __future__ import annotations

from typing import Any, Final

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from appliance.firewall import columns, queries, services
from appliance.firewall.forms import RuleForm
from appliance.firewall.models import Rule, Table
from appliance.firewall.views.forms import done, form_page
from appliance.firewall.views.rule_changes import conflict
from appliance.firewall.views.rule_columns import chosen
from appliance.firewall.views.rule_list import STATES, holding, list_context, states
from appliance.system.queries import Pending
from appliance.system.views.revisions import review_context
from appliance.ui.requests import OperatorRequest, may

RULE_ROWS: Final = (
    ("name",),
    ("action", "service"),
    ("service_typed",),
    ("source", "from_zone"),
    ("source_typed",),
    ("destination", "to_zone"),
    ("destination_typed",),
    ("target", "target_port"),
    ("target_typed",),
    ("until", "schedule"),
    ("section", "tags"),
    ("comment",),
    ("enabled", "log"),
    ("prepared",),
)
"""Fields that stand beside each other."""


@may("rules.see")
def rules(request: OperatorRequest) -> HttpResponse:
    context = list_context(request, _table(request), request.GET.get("q", "")[:200])
    template = "firewall/_rule_list.html" if request.htmx else "firewall/rules.html"
    return render(request, template, context)


@may("rules.see")
def bar(request: OperatorRequest) -> HttpResponse:
    """What waits to be applied, and the state of every rule of the table: a rule that was switched may cover others."""
    table, pending = _table(request), Pending()
    told = states(queries.rules(table), pending)
    context = {"table": table, "states": told, "all_states": STATES} | review_context(request, pending)
    return render(request, "firewall/_rules_bar.html", context)


@may("rules.see")
def holding_objects(request: OperatorRequest) -> JsonResponse:
    """The objects that hold an address or a country, for the filter in the browser, which knows all else."""
    return JsonResponse({"objects": holding(request.GET.get("address", "")[:90].casefold())})


@require_POST
@may("rules.see")
def choose_columns(request: OperatorRequest) -> HttpResponse:
    shown = [column.key for column in chosen(request.POST.getlist("column"))]
    services.choose_columns(actor=request.user, shown=shown)
    return redirect(f"{reverse('firewall:rules')}?table={_table(request)}")


@may("rules.change")
def add_rule(request: OperatorRequest) -> HttpResponse:
    """At the end, above or below another one, whose table and section it shares, or at either end of a section."""
    word, neighbour = _neighbour(request)
    table = Table(neighbour.table) if neighbour else _table(request)
    form = RuleForm(request.POST or None, table=table, initial={"section": neighbour.section} if neighbour else None)
    where: dict[str, Any] = {word: neighbour}
    if request.method == "POST" and form.accepted(
        lambda values: services.create_rule_as_typed(
            actor=request.user, table=table, **where, **_without_version(values)
        )
    ):
        return done(request, "firewall:rules")
    return _rule_form(request, form, _("Add port forwarding") if table == Table.DNAT else _("Add rule"), table)


@may("rules.change")
def edit_rule(request: OperatorRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.rules(), pk=pk)
    initial = {field: getattr(rule, field) for field in (*services.RULE_FIELDS, "version")}
    table = Table(rule.table)
    if request.POST.get("choose") == "theirs":
        return done(request, "firewall:rules")
    form = RuleForm(request.POST or None, initial=initial, table=table)

    def save(values: dict[str, Any]) -> None:
        version = values["version"] or 0
        services.update_rule_as_typed(actor=request.user, rule=rule, version=version, **_without_version(values))

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


def _table(request: OperatorRequest) -> Table:
    asked = request.GET.get("table", "")
    return Table(asked) if asked in Table.values else Table.FORWARD


def _neighbour(request: OperatorRequest) -> tuple[str, Rule | None]:
    for word in ("before", "after"):
        if request.GET.get(word, "").isdecimal():
            return word, get_object_or_404(Rule, pk=int(request.GET[word]))
    if section := request.GET.get("section", ""):
        inside = queries.rules(_table(request)).filter(section=section)
        return ("before", inside.first()) if request.GET.get("at") == "top" else ("after", inside.last())
    return "after", None


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
        "conflict": conflict(rule, form.cleaned_data) if rule and overtaken and bound else None,
        "theirs": rule and columns.rule_sentence(rule),
        "sentence_url": f"{reverse('firewall:rules_sentence')}?table={table}",
        "rows": [[name for name in row if name in form.fields] for row in RULE_ROWS],
        "delete_url": rule and reverse("firewall:rules_delete", args=[rule.pk]),
    }
    return form_page(request, form, title, reverse("firewall:rules"), context)


def _without_version(values: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in values.items() if field != "version"}
