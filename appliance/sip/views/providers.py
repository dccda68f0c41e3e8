# SPDX-License-Identifier: GPL-2.0-or-later
"""Providers & PBXs: who they are, what of the settings differs for them, and the proof of what was altered."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect, HttpResponseClientRefresh

from appliance.firewall.views.forms import form_page
from appliance.ruleset.snapshot import values_of
from appliance.sip import queries, services
from appliance.sip.forms import ProviderForm
from appliance.sip.models import Provider
from appliance.system.queries import policy_asked
from appliance.ui.requests import OperatorRequest, may

ROWS = (("name",), ("signalling", "media"), ("symmetric_media",))


@may("providers.see")
def providers(request: OperatorRequest) -> HttpResponse:
    proof, speakers = queries.proof(), queries.speakers(policy_asked(draft=True))
    listed = [
        {
            "provider": each,
            "servers": values_of(each.signalling),
            "speakers": speakers.get(each.signalling.name, []),
            "media": values_of(each.media) if each.media else [],
            "own": len(queries.values_of(each)),
            "proof": proof.get(each.name),
        }
        for each in queries.providers()
    ]
    context = {"providers": listed, "templates": queries.templates().values()}
    return render(request, "sip/providers.html", context)


@may("providers.see")
def provider(request: OperatorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(queries.providers(), pk=pk)
    context = {
        "provider": row,
        "servers": values_of(row.signalling),
        "speakers": queries.speakers(policy_asked(draft=True)).get(row.signalling.name, []),
        "media": values_of(row.media) if row.media else [],
        "template": queries.templates().get(row.template),
        "groups": queries.standing(row),
        "proof": queries.proof().get(row.name),
    }
    return render(request, "sip/provider.html", context)


@may("providers.change")
def add(request: OperatorRequest) -> HttpResponse:
    template = queries.templates().get(request.GET.get("template", ""))
    initial: dict[str, Any] = {}
    if template:
        initial = {"name": template.name, "symmetric_media": template.symmetric_media, "template": template.key}
    form = ProviderForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.accepted(
        lambda values: services.create_provider(actor=request.user, **values)
    ):  # fmt: skip
        return HttpResponseClientRefresh() if request.htmx else redirect("alg:providers")
    return _form(request, form, _("Add provider"), {"template": template})


@may("providers.change")
def change(request: OperatorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(queries.providers(), pk=pk)
    fields = ("name", "signalling", "media", "symmetric_media", "template")
    form = ProviderForm(request.POST or None, initial={field: getattr(row, field) for field in fields})
    if request.method == "POST" and form.accepted(
        lambda values: services.update_provider(actor=request.user, provider=row, **values)
    ):
        return HttpResponseClientRefresh() if request.htmx else redirect("alg:providers_one", pk=pk)
    context = {
        "template": queries.templates().get(row.template),
        "delete_url": reverse("alg:providers_delete", args=[pk]),
    }
    return _form(request, form, row.name, context)


@require_POST
@may("providers.change")
def delete(request: OperatorRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(Provider, pk=pk)
    services.delete_provider(actor=request.user, provider=row)
    messages.success(request, _("“%s” is no provider any more, once that is applied.") % row.name)
    listing = reverse("alg:providers")
    return HttpResponseClientRedirect(listing) if request.htmx else redirect(listing)


def _form(request: OperatorRequest, form: ProviderForm, title: str, context: dict[str, Any]) -> HttpResponse:
    return form_page(request, form, title, reverse("alg:providers"), context | {"rows": [list(row) for row in ROWS]})
