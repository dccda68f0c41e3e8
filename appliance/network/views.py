# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of zones and interfaces: what the kernel has, what role it plays, and which zones may speak with which."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from appliance.kernel.inquiry import NetadminUnavailable
from appliance.network import columns, queries, services
from appliance.network.forms import InterfaceForm
from appliance.network.models import Role
from appliance.ui.requests import OperatorRequest, may


@may("network.see")
def interfaces(request: OperatorRequest) -> HttpResponse:
    """The fragment is asked for every two seconds, so that a cable that is plugged in shows which one it is."""
    context: dict[str, Any] = {"roles": Role.choices}
    try:
        live = queries.live_links()
    except NetadminUnavailable as error:
        live, context["unavailable"] = [], str(error)
    context["rows"] = columns.interfaces(queries.interfaces(), live)
    if request.htmx:
        return render(request, "network/_cables.html", context)
    return render(request, "network/interfaces.html", context | {"matrix": columns.matrix()})


@require_POST
@may("network.change")
def adopt(request: OperatorRequest, name: str) -> HttpResponse:
    role = request.POST.get("role", "")
    try:
        services.adopt_interface(
            actor=request.user, name=name, role=role, masquerade=role == Role.EXTERNAL
        )  # fmt: skip
        messages.success(request, _("%s is part of the draft now. Apply it as any other change.") % name)
    except (ValidationError, NetadminUnavailable) as error:
        messages.error(request, " ".join(getattr(error, "messages", [str(error)])))
    return redirect("network:interfaces")


@may("network.change")
def edit(request: OperatorRequest, name: str) -> HttpResponse:
    interface = get_object_or_404(queries.interfaces(), name=name)
    initial = {
        "role": interface.role, "addresses": "\n".join(interface.addresses), "masquerade": interface.masquerade
    }  # fmt: skip
    form = InterfaceForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.accepted(
        lambda values: services.save_interface(actor=request.user, name=name, **values)
    ):
        return HttpResponseClientRefresh() if request.htmx else redirect("network:interfaces")
    context = {
        "form": form, "title": _("Interface %s") % name, "back": "network:interfaces",
        "rows": [[form["role"]], [form["addresses"]], [form["masquerade"]]],
    }  # fmt: skip
    return render(request, "ui/_form.html" if request.htmx else "ui/form.html", context)


@require_POST
@may("network.change")
def release(request: OperatorRequest, name: str) -> HttpResponse:
    interface = get_object_or_404(queries.interfaces(), name=name)
    services.delete_interface(actor=request.user, interface=interface)
    return redirect("network:interfaces")
