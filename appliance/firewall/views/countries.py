# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of the country data: where it comes from, how old it is, and another edition before it is used."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from appliance.firewall import columns, queries, services
from appliance.firewall.forms import CountryDataForm
from appliance.firewall.models import CountryData
from appliance.live.jobs import Job
from appliance.ui.requests import OperatorRequest, may


@may("objects.see")
def countries(request: OperatorRequest) -> HttpResponse:
    return _page(request, CountryDataForm())


@require_POST
@may("objects.change")
def upload(request: OperatorRequest) -> HttpResponse:
    form = CountryDataForm(request.POST, request.FILES)
    if form.accepted(lambda values: _upload(request, values)):
        return redirect("firewall:objects_countries")
    return _page(request, form)


def _upload(request: OperatorRequest, values: dict[str, Any]) -> None:
    files = [file for file in (values["first"], values["second"]) if file]
    try:
        with Job("country data", request.POST.get("job", "")) as job:
            services.upload_country_data(
                actor=request.user, name=", ".join(file.name for file in files), files=[file.read() for file in files],
                published=values["published"], licence=values["licence"], tell=job,
            )  # fmt: skip
    except ValidationError as error:
        fields = {"first" if field == "files" else field: texts for field, texts in error.message_dict.items()}
        raise ValidationError(fields) from error


@require_POST
@may("objects.change")
def use(request: OperatorRequest, pk: int) -> HttpResponse:
    data = get_object_or_404(CountryData, pk=pk)
    try:
        with Job("country data", request.POST.get("job", "")):
            services.use_country_data(actor=request.user, data=data, force="force" in request.POST)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("The new country data is in use."))
    return redirect("firewall:objects_countries")


@require_POST
@may("objects.change")
def discard(request: OperatorRequest, pk: int) -> HttpResponse:
    data = get_object_or_404(CountryData, pk=pk)
    try:
        services.discard_country_data(actor=request.user, data=data)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return redirect("firewall:objects_countries")


def _page(request: OperatorRequest, form: CountryDataForm) -> HttpResponse:
    active, waiting = queries.active_country_data(), queries.waiting_country_data()
    differences = queries.country_differences(waiting) if waiting else []
    context = {
        "active": active, "waiting": waiting, "age": columns.age_of(active), "differences": differences,
        "suspicious": any(each.suspicious for each in differences), "form": form,
        "rows": [[form[name]] for name in form.fields],
    }  # fmt: skip
    return render(request, "firewall/countries.html", context)
