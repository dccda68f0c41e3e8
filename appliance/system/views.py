# SPDX-License-Identifier: GPL-2.0-or-later
"""Review and apply, and the list of revisions."""

from __future__ import annotations

from typing import Any, Final

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from appliance.system import queries, services
from appliance.system.forms import ApplyForm
from appliance.system.models import State
from appliance.ui.requests import OperatorRequest, operator_required

REVISIONS_A_PAGE: Final = 50


def review_context() -> dict[str, Any]:
    """What *Apply* would change, what speaks against it, and the form that asks for it."""
    findings = queries.findings()
    return {
        "changes": queries.pending_changes(),
        "findings": findings,
        "blocked": any(finding.level == "error" for finding in findings),
        "apply_form": ApplyForm(),
    }


@operator_required
def review(request: OperatorRequest) -> HttpResponse:
    return render(request, "system/review.html", review_context() | {"running": queries.running_revision()})


@require_POST
@operator_required
def apply(request: OperatorRequest) -> HttpResponse:
    form = ApplyForm(request.POST)
    if not form.is_valid():
        return render(request, "system/review.html", review_context() | {"apply_form": form})
    asked = services.request_apply(actor=request.user, reason=form.cleaned_data["reason"])
    if request.htmx:
        return _progress(request, asked.number)
    return redirect("system:changes_revision", number=asked.number)


@operator_required
def progress(request: OperatorRequest, number: int) -> HttpResponse:
    return _progress(request, number)


def _progress(request: OperatorRequest, number: int) -> HttpResponse:
    asked = get_object_or_404(queries.revisions(), number=number)
    response = render(request, "system/_progress.html", {"revision": asked})
    if asked.state not in {State.PENDING, State.APPLYING}:
        trigger_client_event(response, "changed")
    return response


@operator_required
def changes(request: OperatorRequest) -> HttpResponse:
    page = Paginator(queries.revisions(), REVISIONS_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "running": queries.running_revision(), "pending": len(queries.pending_changes())}
    return render(request, "system/changes.html", context)


@operator_required
def revision(request: OperatorRequest, number: int) -> HttpResponse:
    return render(
        request, "system/revision.html", {"revision": get_object_or_404(queries.revisions(), number=number)}
    )  # fmt: skip
