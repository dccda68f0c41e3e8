# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of objects: addresses, services, schedules."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from appliance.firewall import queries, services
from appliance.firewall.forms import AddressForm, ScheduleForm, ServiceForm
from appliance.firewall.models import AddressObject, Schedule, Service
from appliance.firewall.views.forms import done, form_page
from appliance.ui.forms import OperatorForm
from appliance.ui.requests import OperatorRequest, may


@may("objects.see")
def objects(request: OperatorRequest) -> HttpResponse:
    context = {
        "addresses": [(address, queries.rule_uses(address)) for address in queries.addresses()],
        "services": [(service, service.rules.order_by("position")) for service in queries.services()],
        "schedules": [(schedule, schedule.rules.order_by("position")) for schedule in queries.schedules()],
    }
    return render(request, "firewall/objects.html", context)


@may("objects.change")
def add_address(request: OperatorRequest) -> HttpResponse:
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.accepted(
        lambda values: services.create_address(actor=request.user, **values)
    ):  # fmt: skip
        return done(request, "firewall:objects")
    return _object_form(request, form, _("Add address"))


@may("objects.change")
def edit_address(request: OperatorRequest, pk: int) -> HttpResponse:
    address = get_object_or_404(AddressObject, pk=pk)
    initial = {"name": address.name, "value": address.value, "members": address.members.all()}
    form = AddressForm(request.POST or None, address=address, initial=initial)
    if request.method == "POST" and form.accepted(
        lambda values: services.update_address(actor=request.user, address=address, **values)
    ):
        return done(request, "firewall:objects")
    return _object_form(request, form, address.name, reverse("firewall:objects_delete_address", args=[pk]))


@require_POST
@may("objects.change")
def delete_address(request: OperatorRequest, pk: int) -> HttpResponse:
    address = get_object_or_404(AddressObject, pk=pk)
    return _delete_object(request, lambda: services.delete_address(actor=request.user, address=address))


@may("objects.change")
def add_service(request: OperatorRequest) -> HttpResponse:
    form = ServiceForm(request.POST or None)
    if request.method == "POST" and form.accepted(
        lambda values: services.create_service(actor=request.user, **values)
    ):  # fmt: skip
        return done(request, "firewall:objects")
    return _object_form(request, form, _("Add service"))


@may("objects.change")
def edit_service(request: OperatorRequest, pk: int) -> HttpResponse:
    service = get_object_or_404(Service, pk=pk)
    form = ServiceForm(request.POST or None, initial=services.describe_service(service))
    if request.method == "POST" and form.accepted(
        lambda values: services.update_service(actor=request.user, service=service, **values)
    ):
        return done(request, "firewall:objects")
    return _object_form(request, form, service.name, reverse("firewall:objects_delete_service", args=[pk]))


@require_POST
@may("objects.change")
def delete_service(request: OperatorRequest, pk: int) -> HttpResponse:
    service = get_object_or_404(Service, pk=pk)
    return _delete_object(request, lambda: services.delete_service(actor=request.user, service=service))


@may("objects.change")
def add_schedule(request: OperatorRequest) -> HttpResponse:
    form = ScheduleForm(request.POST or None)
    if request.method == "POST" and form.accepted(
        lambda values: services.create_schedule(actor=request.user, **values)
    ):  # fmt: skip
        return done(request, "firewall:objects")
    return _object_form(request, form, _("Add schedule"))


@may("objects.change")
def edit_schedule(request: OperatorRequest, pk: int) -> HttpResponse:
    schedule = get_object_or_404(Schedule, pk=pk)
    form = ScheduleForm(request.POST or None, initial=services.describe_schedule(schedule))
    if request.method == "POST" and form.accepted(
        lambda values: services.update_schedule(actor=request.user, schedule=schedule, **values)
    ):
        return done(request, "firewall:objects")
    return _object_form(request, form, schedule.name, reverse("firewall:objects_delete_schedule", args=[pk]))


@require_POST
@may("objects.change")
def delete_schedule(request: OperatorRequest, pk: int) -> HttpResponse:
    schedule = get_object_or_404(Schedule, pk=pk)
    return _delete_object(request, lambda: services.delete_schedule(actor=request.user, schedule=schedule))


def _object_form(request: OperatorRequest, form: OperatorForm, title: str, delete_url: str = "") -> HttpResponse:
    context = {"rows": [[name] for name in form.fields], "delete_url": delete_url}
    return form_page(request, form, title, reverse("firewall:objects"), context)


def _delete_object(request: OperatorRequest, verb: Callable[[], object]) -> HttpResponse:
    try:
        verb()
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return done(request, "firewall:objects")
