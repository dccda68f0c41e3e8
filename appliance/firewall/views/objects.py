# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of objects: one list of addresses, services and schedules, and a form for each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from appliance.firewall import columns, queries, services
from appliance.firewall.forms import AddressForm, NameServersForm, ReplaceForm, ScheduleForm, ServiceForm
from appliance.firewall.models import AddressKind, AddressObject, Schedule, Service
from appliance.firewall.views.forms import done, form_page
from appliance.ruleset.countries import all_names
from appliance.ui.forms import OperatorForm
from appliance.ui.requests import UNDO, OperatorRequest, may, offer_undo, undo_offer

Thing = AddressObject | Service | Schedule


@dataclass(frozen=True, slots=True)
class Sort:
    """What the pages of one sort of objects differ in; services take the object by the sort's own word."""

    model: Any
    title: Promise
    form: Callable[..., OperatorForm]
    initial: Callable[[Any], dict[str, Any]]
    create: Callable[..., object]
    update: Callable[..., object]
    delete: Callable[..., object]


def _fields_of(address: AddressObject) -> dict[str, Any]:
    fields = {name: getattr(address, name) for name in ("name", "value", "lookup", "negated")}
    return fields | {"members": address.members.all()}


_SORTS: Final = {
    "address": Sort(
        AddressObject, gettext_lazy("Add address"), AddressForm, _fields_of,
        services.create_address, services.update_address, services.delete_address,
    ),
    "service": Sort(
        Service, gettext_lazy("Add service"), ServiceForm,
        lambda service: services.describe_service(service) | {"members": service.members.all()},
        services.create_service, services.update_service, services.delete_service,
    ),
    "schedule": Sort(
        Schedule, gettext_lazy("Add schedule"), ScheduleForm, services.describe_schedule,
        services.create_schedule, services.update_schedule, services.delete_schedule,
    ),
}  # fmt: skip


@may("objects.see")
def objects(request: OperatorRequest) -> HttpResponse:
    """`q` finds by words of name, value and kind; an address finds what holds it."""
    asked = request.GET.get("q", "")[:200]
    rows = _rows(asked)
    data = queries.active_country_data()
    context = {"rows": rows, "asked": asked, "any": asked or rows, "age": columns.age_of(data), "data": data}
    return render(request, "firewall/_objects.html" if request.htmx else "firewall/objects.html", context)


def _rows(asked: str) -> list[columns.ObjectRow]:
    known = queries.KnownContents()
    of_addresses = queries.all_uses(AddressObject)
    found = [
        columns.address_row(each, of_addresses.get(each.pk, []), known)
        for each in queries.found_addresses(asked, known)
    ]
    of_services, of_schedules = queries.all_uses(Service), queries.all_uses(Schedule)
    others = [
        *(columns.service_row(each, of_services.get(each.pk, [])) for each in queries.services()),
        *(columns.schedule_row(each, of_schedules.get(each.pk, [])) for each in queries.schedules()),
    ]
    return [*found, *(row for row in others if _has_words(row, asked))]


def _has_words(row: columns.ObjectRow, asked: str) -> bool:
    text = " ".join((row.name, row.kind, row.note, *row.parts)).casefold()
    return all(word in text for word in asked.casefold().split())


@may("objects.change")
def replace_object(request: OperatorRequest, sort: str, pk: int) -> HttpResponse:
    """Wherever it is used, by another of its kind: a draft."""
    if sort not in _SORTS:
        raise Http404
    thing = get_object_or_404(_SORTS[sort].model, pk=pk)
    form = ReplaceForm(request.POST or None, thing=thing)
    if request.method == "POST" and form.accepted(
        lambda values: services.replace_everywhere(actor=request.user, thing=thing, by=values["by"])
    ):
        messages.success(request, _("“%s” is replaced everywhere, as a draft.") % thing.name)
        return done(request, "firewall:objects")
    title = _("Replace “%s” everywhere") % thing.name
    context = {
        "rows": [["by"]], "places": columns.use_places(queries.uses(thing)), "more": "firewall/_object_more.html",
        "submit": _("Replace as a draft"),
    }  # fmt: skip
    return form_page(request, form, title, reverse("firewall:objects"), context)


@require_POST
@may("objects.change")
def refresh_address(request: OperatorRequest, pk: int) -> HttpResponse:
    address = get_object_or_404(AddressObject, pk=pk)
    return _do(request, lambda: services.refresh(actor=request.user, address=address))


@require_POST
@may("objects.change")
def add_usual_services(request: OperatorRequest) -> HttpResponse:
    services.add_usual_services(actor=request.user)
    return done(request, "firewall:objects")


@may("system.change")
def name_servers(request: OperatorRequest) -> HttpResponse:
    """Whom DNS names are asked of: at once, no draft."""
    form = NameServersForm(request.POST or None, initial={"servers": ", ".join(queries.name_servers())})
    if request.method == "POST" and form.accepted(
        lambda values: services.set_name_servers(actor=request.user, servers=values["servers"])
    ):
        return done(request, "firewall:objects")
    context = {"rows": [["servers"]], "submit": _("Use at once")}
    return form_page(request, form, _("Name servers for DNS objects"), reverse("firewall:objects"), context)


@may("objects.change")
def add_object(request: OperatorRequest, sort: str) -> HttpResponse:
    each = _SORTS[sort]
    form = each.form(request.POST or None)
    if request.method == "POST" and form.accepted(lambda values: each.create(actor=request.user, **values)):
        return done(request, "firewall:objects")
    return _object_form(request, form, str(each.title))


@may("objects.change")
def edit_object(request: OperatorRequest, sort: str, pk: int) -> HttpResponse:
    each = _SORTS[sort]
    thing = get_object_or_404(each.model, pk=pk)
    form = each.form(request.POST or None, initial=each.initial(thing), thing=thing)
    if request.method == "POST" and form.accepted(
        lambda values: each.update(actor=request.user, **{sort: thing}, **values)
    ):
        return done(request, "firewall:objects")
    return _object_form(request, form, thing.name, sort, thing)


@require_POST
@may("objects.change")
def delete_object(request: OperatorRequest, sort: str, pk: int) -> HttpResponse:
    each = _SORTS[sort]
    thing = get_object_or_404(each.model, pk=pk)
    offer = services.remembered_object(thing)
    return _do(request, lambda: each.delete(actor=request.user, **{sort: thing}), offer)


@require_POST
@may("objects.change")
def undo(request: OperatorRequest) -> HttpResponse:
    """Take the last deletion back, while it is offered and its name is free."""
    offer = undo_offer(request)
    request.session.pop(UNDO, None)
    if offer is None or offer["kind"] != "object":
        messages.warning(request, _("There is nothing to undo any more."))
        return redirect("firewall:objects")
    try:
        thing = services.take_back_object(actor=request.user, offer=offer)
        messages.success(request, _("“%s” is there again.") % thing.name)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("firewall:objects")


def _object_form(
    request: OperatorRequest, form: OperatorForm, title: str, sort: str = "",
    thing: Thing | None = None,
) -> HttpResponse:  # fmt: skip
    """Of an object that exists: with what it holds, what uses it, and its replacement."""
    context: dict[str, Any] = {"rows": [[name] for name in form.fields]}
    if thing is not None:
        context |= {
            "delete_url": reverse(f"firewall:objects_delete_{sort}", args=[thing.pk]),
            "replace_url": reverse("firewall:objects_replace", args=[sort, thing.pk]),
            "places": columns.use_places(queries.uses(thing)), "more": "firewall/_object_more.html",
        }  # fmt: skip
    if isinstance(form, AddressForm) and "negated" in form.fields:  # it may name countries
        context["countries"] = all_names(get_language())
    if isinstance(thing, AddressObject):
        context["row"] = columns.address_row(thing, [], queries.KnownContents())
        if thing.kind == AddressKind.DNS:
            context["refresh_url"] = reverse("firewall:objects_refresh_address", args=[thing.pk])
            context["log"] = queries.content_changes(thing.lookup_key)[:5]
    return form_page(request, form, title, reverse("firewall:objects"), context)


def _do(request: OperatorRequest, verb: Callable[[], object], offer: dict[str, Any] | None = None) -> HttpResponse:
    """A refusal is said above the list; an `offer` to take it back stands there as it does above the rules."""
    try:
        verb()
        if offer:
            offer_undo(request, offer)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return done(request, "firewall:objects")
