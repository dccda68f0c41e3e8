# SPDX-License-Identifier: GPL-2.0-or-later
"""Timers & limits: all settings with what is in force, and the form of one."""

from __future__ import annotations

from ipaddress import ip_interface
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from appliance.firewall.views.forms import form_page
from appliance.network.queries import interfaces
from appliance.sip import queries, services
from appliance.sip.columns.settings import SETTINGS
from appliance.sip.forms import SettingForm
from appliance.sip.models import Provider
from appliance.sip.queries import Standing
from appliance.ui.requests import OperatorRequest, may


@may("alg.see")
def settings(request: OperatorRequest) -> HttpResponse:
    providers = [(each, len(queries.values_of(each))) for each in queries.providers()]
    return render(request, "sip/settings.html", {"groups": queries.standing(), "providers": providers})


@may("alg.see", POST="alg.change")
def change(request: OperatorRequest, key: str, pk: int | None = None) -> HttpResponse:
    provider, standing = _standing(key, pk)
    setting = standing.setting
    form = SettingForm(request.POST or None, setting=setting, value=standing.value, own=_own())

    def save(_values: dict[str, Any]) -> None:
        try:
            services.change_settings(actor=request.user, values={setting.path: form.value()}, provider=provider)
        except ValidationError as error:
            raise ValidationError({"value": error.messages}) from error

    if request.method == "POST" and form.accepted(save):
        return _done(request, provider)
    rows = [[name] for name in form.fields]
    if len(rows) > 4:
        rows = [list(form.fields)[at : at + 2] for at in range(0, len(form.fields), 2)]
    names = {"key": setting.key} | ({"pk": pk} if pk else {})
    view = "alg:providers_setting_reset" if provider else "alg:settings_reset"
    context = {
        "rows": rows,
        "about": (setting.sentence, setting.change_only_if),
        "delete_url": reverse(view, kwargs=names) if standing.origin == "own" else "",
        "delete_label": _("Inherit again") if provider else _("Back to the default"),
    }
    title = f"{setting.label} – {provider.name}" if provider else str(setting.label)
    return form_page(request, form, title, _back(provider), context)


@require_POST
@may("alg.change")
def reset(request: OperatorRequest, key: str, pk: int | None = None) -> HttpResponse:
    provider, standing = _standing(key, pk)
    services.reset_settings(actor=request.user, paths=[standing.setting.path], provider=provider)
    return _done(request, provider)


def _standing(key: str, pk: int | None) -> tuple[Provider | None, Standing]:
    provider = get_object_or_404(Provider, pk=pk) if pk else None
    path = next((path for path, setting in SETTINGS.items() if setting.key == key), "")
    standing = queries.one(path, provider)
    if standing is None:
        raise Http404
    return provider, standing


def _own() -> tuple[str, ...]:
    external = (each for each in interfaces() if each.role == "external")
    return tuple(str(ip_interface(address).ip) for each in external for address in each.addresses)


def _back(provider: Provider | None) -> str:
    return reverse("alg:providers_one", args=[provider.pk]) if provider else reverse("alg:settings")


def _done(request: OperatorRequest, provider: Provider | None) -> HttpResponse:
    return HttpResponseClientRefresh() if request.htmx else redirect(_back(provider))
