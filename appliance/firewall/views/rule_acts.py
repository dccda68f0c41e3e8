# SPDX-License-Identifier: GPL-2.0-or-later
"""What the list of rules can do beside editing: a rule's menu, moving to a place, several at once, and undo."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from django_htmx.http import reselect, reswap, retarget, trigger_client_event

from appliance.audit import queries as audit
from appliance.audit.columns import words
from appliance.firewall import columns, queries, services
from appliance.firewall.models import Rule, Table
from appliance.firewall.views.forms import done
from appliance.firewall.views.rule_changes import rule_differences
from appliance.firewall.views.rule_list import line_context, list_context
from appliance.firewall.views.rule_sample import sample
from appliance.kernel.connections import Selection
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.system.services import flush_connections
from appliance.system.views.connections import flushed_sentence
from appliance.ui.requests import UNDO, OperatorRequest, may, offer_undo, undo_offer

ENTRIES_SHOWN: Final = 50


@may("rules.see")
def menu(request: OperatorRequest, pk: int) -> HttpResponse:
    """All that one can do with a rule; asked for when somebody opens it."""
    rule = get_object_or_404(queries.rules(), pk=pk)
    return render(request, "firewall/_rule_menu.html", {"rule": rule, "packet": urlencode(sample(rule.pk))})


@may("rules.change")
def place(request: OperatorRequest, pk: int) -> HttpResponse:
    """The rules above which it can be moved, to be found by typing; and both ends of its section."""
    rule = get_object_or_404(queries.rules(), pk=pk)
    order = list(queries.rules(rule.table))
    inside = [each for each in order if each.section == rule.section]
    context = {
        "rule": rule,
        "others": [(each, columns.rule_sentence(each)) for each in order if each != rule],
        "top": inside[0] if inside[0] != rule else None,
        "bottom": inside[-1] if inside[-1] != rule else None,
    }
    return render(request, "firewall/_rule_place.html", context)


@require_POST
@may("rules.change")
def move(request: OperatorRequest, pk: int) -> HttpResponse:
    """One place up or down, above another rule, or to the end; at either end it stays where it is."""
    rule = get_object_or_404(queries.rules(), pk=pk)
    order = list(queries.rules(rule.table))
    index = order.index(rule)
    where: dict[str, Any] = {}
    if request.POST.get("direction") == "up":
        where = {"before": order[index - 1]} if index else {}
    elif request.POST.get("direction") == "down":
        where = {"after": order[index + 1]} if index + 1 < len(order) else {}
    elif request.POST.get("before", "").isdecimal():
        where = {"before": get_object_or_404(Rule, pk=int(request.POST["before"]))}
    elif request.POST.get("after", "").isdecimal():
        where = {"after": get_object_or_404(Rule, pk=int(request.POST["after"]))}
    elif "last" in request.POST:
        where = {"position": len(order)}
    if not where:
        return act(request, rule.table, lambda: None)
    offer = services.remembered(rule, "move")
    return act(request, rule.table, lambda: services.move_rule(actor=request.user, rule=rule, **where), offer)


@require_POST
@may("rules.delete")
def delete(request: OperatorRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.rules(), pk=pk)
    offer = services.remembered(rule, "delete")
    return act(request, rule.table, lambda: services.delete_rule(actor=request.user, rule=rule), offer)


@require_POST
@may("rules.change")
def clone(request: OperatorRequest, pk: int) -> HttpResponse:
    rule = get_object_or_404(queries.rules(), pk=pk)
    return act(request, rule.table, lambda: services.clone_rule(actor=request.user, rule=rule))


@require_POST
@may("rules.change")
def switch(request: OperatorRequest, pk: int) -> HttpResponse:
    """Answers with the row alone; what else is another then, the page asks for when it hears that this was done."""
    rule, enabled = get_object_or_404(queries.rules(), pk=pk), "enabled" in request.POST

    def change() -> object:
        return services.set_rule_enabled(actor=request.user, rule=rule, enabled=enabled)

    if not request.htmx:
        return act(request, rule.table, change)
    try:
        change()
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        answer = render(request, "firewall/rules.html", list_context(request, Table(rule.table)))
        return reswap(reselect(retarget(answer, "#rule-list"), "#rule-list"), "outerHTML")
    answer = render(request, "firewall/_switched.html", line_context(request, pk))
    return trigger_client_event(trigger_client_event(answer, "changed"), "switched", after="settle")


def _end(value: str) -> datetime | None:
    """Without an end where nothing is typed; UTC, as in the rule's form."""
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC) if value else None
    except ValueError as error:
        raise ValidationError(_("This is no time: %s") % value) from error


CHANGES: Final[dict[str, Callable[[Rule, str], dict[str, Any]]]] = {
    "enable": lambda _rule, _value: {"enabled": True},
    "disable": lambda _rule, _value: {"enabled": False},
    "tag": lambda rule, value: {"tags": [*rule.tags, *({value} - {"", *rule.tags})]},
    "section": lambda _rule, value: {"section": value},
    "until": lambda _rule, value: {"until": _end(value)},
}
"""What several rules can become at once, by the word of the button."""


@require_POST
@may("rules.change")
def change_several(request: OperatorRequest) -> HttpResponse:
    chosen, verb = _chosen(request), request.POST.get("verb", "")
    value = request.POST.get(verb, "").strip()

    def change() -> None:
        if verb not in CHANGES:
            raise ValidationError(_("Choose what to do with the rules."))
        for rule in chosen:
            now = queries.rules().get(pk=rule.pk)  # the one before may have moved it
            fields = CHANGES[verb](now, value)
            services.update_rule(actor=request.user, rule=now, version=now.version, **fields)

    said = ngettext("%d rule is changed.", "%d rules are changed.", len(chosen)) % len(chosen)
    return _act_on_several(request, chosen, change, said)


@require_POST
@may("rules.delete")
def delete_several(request: OperatorRequest) -> HttpResponse:
    chosen = _chosen(request)

    def delete_all() -> None:
        for rule in chosen:
            services.delete_rule(actor=request.user, rule=rule)

    said = ngettext("%d rule is deleted.", "%d rules are deleted.", len(chosen)) % len(chosen)
    return _act_on_several(request, chosen, delete_all, said)


@require_POST
@may("rules.change")
def undo(request: OperatorRequest) -> HttpResponse:
    """Take the last act back, while it is offered and nobody has changed the rule since."""
    offer = undo_offer(request)
    request.session.pop(UNDO, None)
    if offer is None or offer["kind"] in {"object", "activation"}:
        messages.warning(request, _("There is nothing to undo any more."))
        return redirect("firewall:rules")
    try:
        rule = services.take_back(actor=request.user, offer=offer)
        said = _("It is as it was before.") if offer["kind"] == "several" else _("“%s” is where it was.") % rule.name
        messages.success(request, said)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect(f"{reverse('firewall:rules')}?table={offer['table']}")


def act(
    request: OperatorRequest, table: str, verb: Callable[[], object], offer: dict[str, Any] | None = None
) -> HttpResponse:
    """Do it or nothing, and answer with the list as it is then. A refusal is said above the list.

    The page shows the `offer` to take it back for ten seconds (static/css/content.css); here it works a little longer.
    """
    try:
        with transaction.atomic():
            verb()
        if offer:
            offer_undo(request, offer)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    if request.htmx.target == "panel":
        return done(request, "firewall:rules")
    if not request.htmx:
        return redirect(f"{reverse('firewall:rules')}?table={table}")
    response = render(request, "firewall/rules.html", list_context(request, Table(table)))
    return trigger_client_event(response, "changed")


def _act_on_several(
    request: OperatorRequest, chosen: list[Rule], verb: Callable[[], None], said: str
) -> HttpResponse:  # fmt: skip
    table = chosen[0].table if chosen else Table.FORWARD
    return act(request, table, verb, services.remembered_several(chosen, said) if chosen else None)


@require_POST
@may("connections.flush")
def flush(request: OperatorRequest, pk: int) -> HttpResponse:
    """Close the connections that the rule decides about or translates; calls are spared."""
    rule = get_object_or_404(queries.rules(), pk=pk)
    try:
        flushed = flush_connections(actor=request.user, selection=Selection(rule=f"rule:{rule.pk}"))
        messages.success(request, flushed_sentence(flushed))
    except (ValidationError, NetadminUnavailable) as error:
        messages.error(request, " ".join(getattr(error, "messages", [str(error)])))
    if request.htmx:
        return render(request, "ui/_messages.html")
    return redirect(f"{reverse('firewall:rules')}?table={rule.table}")


@may("audit.see")
def history(request: OperatorRequest, pk: int) -> HttpResponse:
    """Who changed what of this rule, newest first."""
    rule = get_object_or_404(queries.rules(), pk=pk)
    entries = audit.entries_about(rule)[:ENTRIES_SHOWN]
    told = [(entry, words(entry), rule_differences(entry.before or {}, entry.after or {})) for entry in entries]
    return render(request, "firewall/_rule_history.html", {"rule": rule, "entries": told})


@may("rules.see")
def as_call(request: OperatorRequest, pk: int) -> HttpResponse:
    """The call of the REST API that makes this rule."""
    rule = get_object_or_404(queries.rules(), pk=pk)
    fields = {field: value for field, value in services.describe_rule(rule).items() if value not in (None, "", [])}
    del fields["position"]
    call = {"rule": rule, "address": request.build_absolute_uri("/api/v1/rules")}
    return render(
        request, "firewall/_rule_call.html", call | {"body": json.dumps(fields, indent=2, ensure_ascii=False)}
    )


def _chosen(request: OperatorRequest) -> list[Rule]:
    """In their order; those that are gone meanwhile are left out."""
    ids = [int(each) for each in request.POST.getlist("rule") if each.isdecimal()]
    return list(queries.rules().filter(pk__in=ids))
