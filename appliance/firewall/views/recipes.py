# SPDX-License-Identifier: GPL-2.0-or-later
"""Recipes: a few questions, the rules in words, and the same as drafts; a rule from a packet that was seen."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRedirect

from appliance.firewall import services
from appliance.firewall.views.forms import form_page
from appliance.firewall.views.rules import RULE_ROWS
from appliance.recipes.forms import RECIPES, Questions
from appliance.recipes.seen import SeenRuleForm, wanted
from appliance.ruleset.countries import all_names
from appliance.ui.requests import OperatorRequest, may

LONGEST_ANSWER: Final = 200


@may("rules.see")
def recipes(request: OperatorRequest) -> HttpResponse:
    return render(request, "firewall/recipes.html", {"recipes": RECIPES})


@may("rules.change")
def recipe(request: OperatorRequest, name: str) -> HttpResponse:
    if name not in RECIPES:
        raise Http404
    kind = RECIPES[name]
    form = kind.form(request.POST or None, initial=_answered(request, kind.form))
    context: dict[str, Any] = {"form": form, "recipe": kind, "name": name, "recipes": RECIPES}
    if any("data-names" in field.widget.attrs for field in form.fields.values()):
        context["countries"] = all_names(get_language())
    if request.method == "POST" and form.is_valid():
        try:
            plan = kind.plan(form.cleaned_data)
            if "draft" in request.POST:
                drafted = services.draft_plan(actor=request.user, plan=plan)
                count = len(drafted.rules)
                messages.success(
                    request, ngettext("%d rule is a draft now.", "%d rules are drafts now.", count) % count
                )
                return redirect("system:changes_review")
            context["preview"] = services.preview_plan(plan=plan)
        except ValidationError as error:
            form.take(error)
    return render(request, "firewall/recipe.html", context)


def _answered(request: OperatorRequest, form: type[Questions]) -> dict[str, str]:
    """Answers that a link already has (`?pbx=192.168.0.2`)."""
    return {name: request.GET[name][:LONGEST_ANSWER] for name in form.base_fields if name in request.GET}


@may("rules.change")
def from_packet(request: OperatorRequest) -> HttpResponse:
    """The packet stands in the page's address; what is saved is a draft."""
    packet = wanted(request.GET.dict())
    form = SeenRuleForm(request.POST or None, packet=packet)

    def save(values: dict[str, Any]) -> None:
        fields = {name: value for name, value in values.items() if name != "version"}
        services.create_rule_as_typed(actor=request.user, table=packet.table, before=packet.before, **fields)

    if request.method == "POST" and form.accepted(save):
        rules = f"{reverse('firewall:rules')}?table={packet.table}"
        messages.success(request, _("The rule is a draft now. Apply it when you are done."))
        return HttpResponseClientRedirect(rules) if request.htmx else redirect(rules)
    rows = [[name for name in row if name in form.fields] for row in RULE_ROWS]
    context: dict[str, Any] = {"rows": rows}
    if packet.before:
        context["notice"] = _("It is placed before “%s”, which decided about the packet.") % packet.before.name
    return form_page(request, form, _("Rule from a packet"), reverse("firewall:rules"), context)
