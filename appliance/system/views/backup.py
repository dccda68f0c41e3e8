# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of backups: make one, look into one, restore it as a draft, interfaces by their names here."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from appliance.audit.services import record_download
from appliance.backup import document, entry, planned
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.live.jobs import Job
from appliance.network import queries as network
from appliance.system import services
from appliance.system.forms import BackupForm, PlanForm, RestoreForm
from appliance.system.models import Restoration
from appliance.ui.forms import OperatorForm
from appliance.ui.requests import OperatorRequest, may


@may("backup.make")
def backup(request: OperatorRequest) -> HttpResponse:
    return _page(request)


@require_POST
@may("backup.make", fresh=True)
def plan(request: OperatorRequest) -> HttpResponse:
    """How often one is made by itself."""
    form = PlanForm(request.POST, prefix="plan")
    if not form.accepted(
        lambda values: services.plan_backups(
            actor=request.user, every=values["every"], passphrase=values["passphrase"]
        )
    ):  # fmt: skip
        return _page(request, plan_form=form)
    messages.success(request, _("The plan holds from now on."))
    return redirect("system:backup")


@may("backup.make")
def made(request: OperatorRequest, name: str) -> HttpResponse:
    """One that was made by plan; it is sealed."""
    try:
        content = planned.content_of(name)
    except FileNotFoundError as error:
        raise Http404 from error
    with transaction.atomic():
        record_download(actor=request.user, what=f"backup {name}")
    return HttpResponse(
        content, content_type="application/octet-stream",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


def _page(request: OperatorRequest, **forms: OperatorForm) -> HttpResponse:
    standing = planned.read()
    usual = {
        "backup_form": BackupForm(), "restore_form": RestoreForm(),
        "plan_form": PlanForm(prefix="plan", initial={"every": standing.every if standing else ""}),
        "standing": standing, "made": planned.made(),
    }  # fmt: skip
    return render(request, "system/backup.html", usual | forms)


@require_POST
@may("backup.make", fresh=True)
def make(request: OperatorRequest) -> HttpResponse:
    form = BackupForm(request.POST)
    made: list[bytes] = []
    if not form.accepted(
        lambda values: made.append(services.make_backup(actor=request.user, passphrase=values["passphrase"]))
    ):
        return _page(request, backup_form=form)
    return _download(made[0], "application/octet-stream", "pinhole-backup")


@may("backup.make")
def configuration(_request: OperatorRequest) -> HttpResponse:
    """Readable, for version control and for other programs; it holds no password."""
    return _download(document.write(entry.collect()), "application/json", "json")


@require_POST
@may("backup.restore")
def look(request: OperatorRequest) -> HttpResponse:
    """Nothing is restored yet, and so no proof of who it is is asked for, which would lose the file."""
    form = RestoreForm(request.POST, request.FILES)
    kept: list[Restoration] = []

    def open_file(values: dict[str, Any]) -> None:
        file, passphrase = values["file"].read(), values["passphrase"]
        content = (
            services.open_backup(file=file, passphrase=passphrase)
            if passphrase
            else services.read_configuration(text=file)
        )
        kept.append(services.keep_for_restoring(actor=request.user, content=content))

    if form.accepted(open_file):
        request.session["job"] = request.POST.get("job", "")  # the page still waits: the look belongs to its form
        return redirect("system:backup_restore", pk=kept[0].pk)
    return _page(request, restore_form=form)


@may("backup.restore")
def restore(request: OperatorRequest, pk: int) -> HttpResponse:
    """What restoring would change."""
    return _kept(request, pk, at_once=False)


@require_POST
@may("backup.restore", fresh=True)
def enter(request: OperatorRequest, pk: int) -> HttpResponse:
    """Restore it, as a draft."""
    return _kept(request, pk, at_once=True)


def _kept(request: OperatorRequest, pk: int, *, at_once: bool) -> HttpResponse:
    kept = get_object_or_404(Restoration, pk=pk, author=str(request.user))
    content = document.checked(kept.content)
    chosen = {each.name: request.POST.get(f"interface-{each.name}", each.name) for each in content.interfaces}
    context: dict[str, Any] = {"kept": kept, "content": content, "here": _here(), "chosen": chosen}
    try:
        if at_once:
            with Job("restore", request.POST.get("job", "")) as job:
                left_out = services.restore_kept(actor=request.user, kept=kept, interfaces=chosen, tell=job)
            messages.success(request, _restored(left_out))
            return redirect("system:changes_review")
        with Job("preview", request.POST.get("job") or request.session.pop("job", "")) as job:
            context["preview"] = services.preview(content=content, interfaces=chosen, tell=job)
    except ValidationError as error:
        context["errors"] = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    return render(request, "system/restore.html", context)


def _restored(left_out: int) -> str:
    sentence = _("Restored as a draft. Look at the changes, then apply them.")
    if not left_out:
        return sentence
    words = ngettext("%d rule whose time is over was left out.", "%d rules whose time is over were left out.", left_out)
    return f"{sentence} {words % left_out}"


def _here() -> list[str]:
    """Names that an interface can have on this device."""
    configured = [each.name for each in network.interfaces()]
    try:
        live = [link["name"] for link in network.live_links()]
    except NetadminUnavailable:
        live = []
    return sorted({*configured, *live})


def _download(content: bytes, kind: str, ending: str) -> HttpResponse:
    name = f"pinhole-{timezone.now():%Y%m%d-%H%M%S}.{ending}"
    return HttpResponse(
        content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )  # fmt: skip
