# SPDX-License-Identifier: GPL-2.0-or-later
"""The first-run wizard: a permanent address for each step, and the parts of steps that keep themselves current."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import trigger_client_event

from appliance.system import queries, services
from appliance.system.models import Setup, State
from appliance.ui.requests import OperatorRequest, access, may
from appliance.wizard import kept, looking, showing, steps
from appliance.wizard.steps import Step


@may("setup.run")
def setup(request: OperatorRequest) -> HttpResponse:
    """To where it was left, or what became of it."""
    now, _lost = kept.sound(queries.setup_now())
    if now.ended is not None:
        return render(request, "setup/ended.html", {"setup": now})
    return redirect("system:setup_step", step=steps.next_open(now).name)


@may("setup.run")
def step(request: OperatorRequest, step: str) -> HttpResponse:
    now, lost = kept.sound(queries.setup_now())
    found = steps.reachable(now, step)
    if found is None or (step == "owner" and request.method == "POST"):
        return redirect("system:setup_step", step=steps.next_open(now).name)
    return _take(request, now, found, again=found.name in lost)


@require_POST
@may("setup.run", fresh=True)
def password(request: OperatorRequest) -> HttpResponse:
    """The step of the account: a password asks for a fresh proof, such as the link just used."""
    now, _lost = kept.sound(queries.setup_now())
    found = steps.reachable(now, "owner")
    return _take(request, now, found) if found else redirect("system:setup")


def _take(request: OperatorRequest, now: Setup, found: Step, *, again: bool = False) -> HttpResponse:
    """`again`: it was done, and what was answered does not hold any more."""
    posted = request.method == "POST"
    form = found.form(request.user, now, request.POST if posted else None, request.FILES if posted else None)
    answers: list[dict[str, Any]] = []
    if not posted or not form.accepted(lambda values: answers.append(found.save(request, now, values))):
        return _page(request, now, found, form, again=again)
    services.pass_step(actor=request.user, step=found.name, answers=answers[0])
    now, _lost = kept.sound(queries.setup_now())
    following = steps.after(now, found)
    if following is None:
        services.end_setup(actor=request.user, verb="finish set-up")
        messages.success(request, _("This firewall is set up."))
        return redirect("ui:overview")
    answer = redirect("system:setup_step", step=following.name)
    if found.name == "look":
        answer.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, answers[0]["language"], max_age=settings.LANGUAGE_COOKIE_AGE,
            secure=settings.SESSION_COOKIE_SECURE, samesite="Lax",
        )  # fmt: skip
    return answer


def _page(request: OperatorRequest, now: Setup, found: Step, form: Any, *, again: bool) -> HttpResponse:
    listed = steps.visible(now.answers)
    context = {
        "step": found, "form": form, "setup": now, "steps": listed, "number": listed.index(found) + 1,
        "back": steps.before(now, found), "again": again,
        "reachable": {each.name for each in listed if steps.reachable(now, each.name)},
    }  # fmt: skip
    if found.name == "apply":
        context |= _to_apply(request, now)
    return render(request, f"setup/{found.name}.html", context | found.show(now))


def _to_apply(request: OperatorRequest, now: Setup) -> dict[str, Any]:
    """What waits to be applied, what speaks against it, and how far the wizard's own revision is."""
    shown = showing.apply(now)
    under_way = shown["revision"] and shown["revision"].state not in (State.FAILED, State.ROLLED_BACK)
    findings = [] if under_way else queries.findings(access(request))
    return shown | {"findings": findings, "blocked": any(each.level == "error" for each in findings)}


# --- Parts of steps ---


@may("setup.run")
def preview(request: OperatorRequest) -> HttpResponse:
    """What restoring would change with these interfaces."""
    now = kept.fitting(queries.setup_now())
    prefix = "interface-"
    chosen = {name.removeprefix(prefix): request.GET[name] for name in request.GET if name.startswith(prefix)}
    return render(request, "setup/_preview.html", showing.preview(now, chosen))


@may("setup.run")
def internet(request: OperatorRequest) -> HttpResponse:
    return render(request, "setup/_facts.html", {"facts": looking.internet()})


@may("setup.run")
def servers(request: OperatorRequest) -> HttpResponse:
    found = showing.found_servers(request.GET.get("template", ""), request.GET.get("server", "")[:200])
    return render(request, "setup/_servers.html", found)


@may("setup.run", POST="setup.run")
def apply(request: OperatorRequest) -> HttpResponse:
    """The middle of the step *Apply*: what would change, then how far it is."""
    context: dict[str, Any] = {}
    if request.method == "POST":
        try:
            services.apply_setup(actor=request.user, access=access(request))
        except ValidationError as error:
            context["refusal"] = " ".join(error.messages)
    if not request.htmx:
        return redirect("system:setup_step", step="apply")
    shown = _to_apply(request, kept.fitting(queries.setup_now()))
    if shown["revision"] and request.GET.get("state") == shown["revision"].state and not shown["done"]:
        return HttpResponse(status=204)  # nothing is another: no button is taken away from under a hand
    answer = render(request, "setup/_apply.html", shown | context)
    return trigger_client_event(answer, "changed") if shown["done"] else answer


@may("setup.run")
def heard(request: OperatorRequest) -> HttpResponse:
    """The middle of the live check; what it has seen once stays seen."""
    now = kept.fitting(queries.setup_now())
    shown = showing.check(now)
    found = shown["heard"]
    if now.pk is not None:
        now = services.note_heard(registered=bool(found.registered), up=found.up, down=found.down)
    return render(request, "setup/_heard.html", shown | {"seen": now.seen})


@require_POST
@may("setup.run")
def dismiss(request: OperatorRequest) -> HttpResponse:
    services.end_setup(actor=request.user, verb="dismiss set-up")
    messages.info(request, _("The set-up is put away. It begins again from System, About."))
    return redirect("ui:overview")


@require_POST
@may("setup.run")
def restart(request: OperatorRequest) -> HttpResponse:
    services.restart_setup(actor=request.user)
    return redirect("system:setup")
