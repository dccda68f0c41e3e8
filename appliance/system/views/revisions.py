# SPDX-License-Identifier: GPL-2.0-or-later
"""Review and apply, and the list of revisions."""

from __future__ import annotations

from typing import Any, Final, Literal

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from appliance.ruleset.findings import said
from appliance.system import queries, services
from appliance.system.forms import ApplyForm
from appliance.system.models import ReasonDemand, Revision, State
from appliance.ui.requests import OperatorRequest, access, may
from appliance.ui.templatetags.ui import status_context

REVISIONS_A_PAGE: Final = 50
RAN: Final = (State.APPLIED, State.SUPERSEDED)
"""Revisions that ran until another took their place."""


def review_context(request: OperatorRequest, pending: queries.Pending | None = None) -> dict[str, Any]:
    """What *Apply* would change, what speaks against it, and the form that asks for it."""
    pending = pending or queries.Pending()
    findings = [said(each) for each in pending.findings(access(request))]
    return {
        "pending": pending,
        "changes": pending.changes,
        "nft_changes": pending.nft(),
        "findings": findings,
        "blocked": any(finding["level"] == "error" for finding in findings),
        "apply_form": ApplyForm(),
    }


@may("changes.see")
def review(request: OperatorRequest) -> HttpResponse:
    return render(request, "system/review.html", review_context(request) | {"running": queries.running_revision()})


@require_POST
@may("changes.apply")
def apply(request: OperatorRequest) -> HttpResponse:
    form = ApplyForm(request.POST)
    asked: list[Revision] = []
    if not form.accepted(
        lambda values: asked.append(services.request_apply(actor=request.user, access=access(request), **values))
    ):
        template = "system/_review.html" if request.htmx else "system/review.html"
        return render(request, template, review_context(request) | {"apply_form": form})
    if request.htmx:
        return _progress(request, asked[0].number)
    return redirect("system:changes_revision", number=asked[0].number)


@require_POST
@may("changes.demand")
def demand_reason(request: OperatorRequest) -> HttpResponse:
    demanded = "demanded" in request.POST
    services.demand_reason(actor=request.user, demanded=demanded)
    said = (
        _("Nothing is applied without a reason any more.") if demanded else _("The reason of an apply may be left out.")
    )
    messages.success(request, said)
    return redirect("system:changes")


@require_POST
@may("changes.apply")
def decide(request: OperatorRequest, number: int, verb: Literal["keep", "extend", "undo"]) -> HttpResponse:
    """Of the revision on trial: keep it, wait longer, or go back now."""
    revision = get_object_or_404(queries.revisions(), number=number)
    ask = {"keep": services.keep, "extend": services.extend, "undo": services.undo}[verb]
    try:
        ask(actor=request.user, revision=revision)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    if request.htmx:
        return render(request, "ui/_status_parts.html", status_context())
    return redirect("system:changes_revision", number=number)


@require_POST
@may("changes.apply")
def go_back(request: OperatorRequest, number: int) -> HttpResponse:
    """The configuration of that revision becomes the draft."""
    target = get_object_or_404(queries.revisions(), number=number)
    try:
        services.go_back(actor=request.user, revision=target)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("system:changes_revision", number=number)
    if target == queries.running_revision():
        text = _("The changes are discarded. What is configured is what runs, revision %d.")
    else:
        text = _("What is configured is now what it was at revision %d, and nothing else. It runs when you apply it.")
    messages.success(request, text % number)
    return redirect("system:changes_review")


@may("changes.see")
def progress(request: OperatorRequest, number: int) -> HttpResponse:
    return _progress(request, number)


def _progress(request: OperatorRequest, number: int) -> HttpResponse:
    asked = get_object_or_404(queries.revisions(), number=number)
    response = render(request, "system/_progress.html", {"revision": asked})
    if asked.state not in {State.PENDING, State.APPLYING}:
        trigger_client_event(response, "changed")
    return response


@may("changes.see")
def changes(request: OperatorRequest) -> HttpResponse:
    page = Paginator(queries.revisions(), REVISIONS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page, "running": queries.running_revision(), "pending": len(queries.pending_changes()),
        "reason_demanded": ReasonDemand.stands(),
    }  # fmt: skip
    return render(request, "system/changes.html", context)


@may("changes.see")
def revision(request: OperatorRequest, number: int) -> HttpResponse:
    """With what it changed since the revision `?since=`, or since the one before it."""
    shown = get_object_or_404(queries.revisions(), number=number)
    others = queries.revisions().exclude(pk=shown.pk)
    since = request.GET.get("since", "")
    if since.isdecimal():
        compared: Revision | None = get_object_or_404(others, number=since)
    else:
        compared = others.filter(number__lt=number).first()
    changes, nft_changes = queries.changes_of(shown, compared)
    context = {
        "revision": shown, "compared": compared, "others": others[:REVISIONS_A_PAGE],
        "changes": changes, "nft_changes": nft_changes, "runs": shown == queries.running_revision(),
        "before": others.filter(number__lt=number, state__in=RAN).first(),
    }  # fmt: skip
    return render(request, "system/revision.html", context)
