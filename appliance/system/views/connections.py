# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of connections: filters, what the rules say of each now, and closing them."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from appliance.kernel.connections import Flushed, Selection
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.system import columns, queries, services
from appliance.system.forms import SelectionForm
from appliance.ui.requests import OperatorRequest, may


@may("traffic.see")
def connections(request: OperatorRequest) -> HttpResponse:
    form = SelectionForm(request.GET)
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        try:
            found = queries.connections(form.selection())
        except NetadminUnavailable as error:
            context["unavailable"] = str(error)
        else:
            names = queries.rule_names()
            context |= {
                "rows": [columns.connection(row, names) for row in found["items"]],
                "total": found["total"],
                "hidden": found["total"] - len(found["items"]),
            }
    template = "system/_connections.html" if request.htmx else "system/connections.html"
    return render(request, template, context)


@require_POST
@may("connections.flush")
def flush(request: OperatorRequest) -> HttpResponse:
    """The selected ones, or all that the filter shows."""
    form = SelectionForm(request.POST)
    back = {name: value for name, value in request.POST.items() if name in form.fields and value}
    if form.is_valid():
        ids = tuple(int(each) for each in request.POST.getlist("ids") if each.isdecimal())
        selection = Selection(ids=ids) if "selected" in request.POST else form.selection()
        try:
            flushed = services.flush_connections(
                actor=request.user, selection=selection, calls="with_calls" in request.POST
            )
            messages.success(request, flushed_sentence(flushed))
        except (ValidationError, NetadminUnavailable) as error:
            messages.error(request, " ".join(getattr(error, "messages", [str(error)])))
    return redirect(f"{reverse('system:connections')}?{urlencode(back)}")


@require_POST
@may("connections.flush")
def old_connections(request: OperatorRequest, number: int, verb: Literal["now", "later"]) -> HttpResponse:
    """What an apply has left behind: closed now, or when the calls end."""
    revision = get_object_or_404(queries.revisions(), number=number)
    try:
        if verb == "now":
            messages.success(
                request, flushed_sentence(services.close_old_connections(actor=request.user, revision=revision))
            )
        else:
            services.close_when_calls_end(actor=request.user, revision=revision)
            messages.success(request, _("They are closed when the last call has ended."))
    except (ValidationError, NetadminUnavailable) as error:
        messages.error(request, " ".join(getattr(error, "messages", [str(error)])))
    return redirect("system:changes_revision", number=number)


def flushed_sentence(flushed: Flushed) -> str:
    closed = ngettext("%d connection closed", "%d connections closed", flushed.closed) % flushed.closed
    if not flushed.spared:
        return _("%s.") % closed
    spared = ngettext("%d call spared", "%d calls spared", flushed.spared) % flushed.spared
    return _("%(closed)s, %(spared)s.") % {"closed": closed, "spared": spared}
