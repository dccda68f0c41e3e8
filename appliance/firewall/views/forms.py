# SPDX-License-Identifier: GPL-2.0-or-later
"""How a form is shown and left: in the side panel for htmx, on a page of its own otherwise."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django_htmx.http import HttpResponseClientRefresh

from appliance.ui.forms import OperatorForm
from appliance.ui.requests import OperatorRequest


def form_page(
    request: OperatorRequest, form: OperatorForm, title: str, back: str, context: dict[str, Any]
) -> HttpResponse:  # fmt: skip
    rows = [[form[name] for name in row] for row in context["rows"] if row]
    template = "ui/_form.html" if request.htmx else "ui/form.html"
    return render(request, template, context | {"form": form, "title": title, "back": back, "rows": rows})


def done(request: OperatorRequest, view: str) -> HttpResponse:
    """Back to the list; from the side panel the page underneath is loaded anew."""
    return HttpResponseClientRefresh() if request.htmx else redirect(view)
