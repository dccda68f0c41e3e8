# SPDX-License-Identifier: GPL-2.0-or-later
"""What each step of the wizard does with its answers: it calls the services that every page calls, and returns what is
kept. A refusal is a ValidationError by the field of the step's form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from appliance.accounts import services as accounts
from appliance.backup import document
from appliance.firewall import queries as firewall_queries
from appliance.firewall import services as firewall
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.live.jobs import Job
from appliance.network import queries as network
from appliance.network import services as interfaces
from appliance.network.models import Role
from appliance.recipes.forms import RECIPES
from appliance.recipes.plans import Plan
from appliance.sip.queries import templates
from appliance.system import queries, services
from appliance.system.models import Restoration, Setup
from appliance.ui.requests import OperatorRequest
from appliance.wizard import looking
from appliance.wizard.forms import NOTHING


def nothing(_request: OperatorRequest, _setup: Setup, _values: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def values(_request: OperatorRequest, _setup: Setup, given: Mapping[str, Any]) -> dict[str, Any]:
    return dict(given)


def password(request: OperatorRequest, _setup: Setup, given: Mapping[str, Any]) -> dict[str, Any]:
    """Who has one already is not asked; the password itself is no answer that is kept."""
    if not request.user.has_usable_password():
        accounts.set_own_password(request=request, user=request.user, password=given["password"])
    return {}


# --- From a backup ---


def upload(request: OperatorRequest, setup: Setup, given: Mapping[str, Any]) -> dict[str, Any]:
    if given.get("file") is None:
        return dict(setup.answers.get("restore", {}))
    file, passphrase = given["file"].read(), given["passphrase"]
    content = (
        services.open_backup(file=file, passphrase=passphrase) if passphrase else services.read_configuration(text=file)
    )
    return {"kept": services.keep_for_restoring(actor=request.user, content=content).pk}


def kept_file(setup: Setup) -> Restoration | None:
    """What was looked into; gone after an hour, once it is restored, or where this program cannot read it any more."""
    kept = Restoration.objects.filter(pk=setup.answers.get("restore", {}).get("kept", 0)).first()
    try:
        return kept if kept and document.checked(kept.content) else None
    except document.Refused:
        return None


def mapping(request: OperatorRequest, setup: Setup, given: Mapping[str, Any]) -> dict[str, Any]:
    kept = kept_file(setup)
    if kept is None:
        if "mapping" in setup.answers:
            return dict(setup.answers["mapping"])  # it is restored
        raise ValidationError(_("The file is forgotten after an hour. Go back and choose it again."))
    chosen = {name.removeprefix("interface-"): here for name, here in given.items()}
    with Job("restore", request.POST.get("job", "")) as job:
        left_out = services.restore_kept(actor=request.user, kept=kept, interfaces=chosen, tell=job)
    return {"interfaces": chosen, "left_out": left_out}


# --- New ---


def zones(request: OperatorRequest, _setup: Setup, given: Mapping[str, Any]) -> dict[str, Any]:
    """An interface that has its role already keeps all else of it; one without a role leaves the draft."""
    roles = {name.removeprefix("role-"): role for name, role in given.items()}
    known = {row.name: row for row in network.interfaces()}
    for name, role in roles.items():
        if name in known and (not role or known[name].role != role):
            interfaces.delete_interface(actor=request.user, interface=known[name])
        if role and (name not in known or known[name].role != role):
            try:
                interfaces.adopt_interface(actor=request.user, name=name, role=role, masquerade=role == Role.EXTERNAL)
            except NetadminUnavailable as error:
                raise ValidationError(str(error)) from error
    here = {link["name"] for link in looking.links()}
    return {"roles": roles, "missing": sorted(name for name, role in roles.items() if role and name not in here)}


def internet(request: OperatorRequest, _setup: Setup, given: Mapping[str, Any]) -> dict[str, Any]:
    if given["servers"] != firewall_queries.name_servers():
        firewall.set_name_servers(actor=request.user, servers=given["servers"])
    return {}


def provider(_request: OperatorRequest, setup: Setup, given: Mapping[str, Any]) -> dict[str, Any]:
    """Kept as an object would hold it: by its SRV name where it has one. A recipe says what it refuses."""
    server = looking.servers(given["server"])
    answer = dict(given) | {"typed": given["server"], "server": server.value or given["server"]}
    plan_of(setup.answers | {"provider": answer, "mode": {"mode": "alg"}})
    return answer


def plan_of(answers: Mapping[str, Mapping[str, Any]]) -> Plan:
    """The recipes that the answers ask for; raise ValidationError by the wizard's fields."""
    outwards = answers.get("office", {}).get("what", NOTHING)
    office = Plan() if outwards == NOTHING else RECIPES["office"].plan({"what": outwards})
    if not answers["phones"]["pbx"]:
        return office
    calls = _plan_of_calls(answers)
    return replace(calls, rules=calls.rules + office.rules, advice=calls.advice + office.advice)


def _plan_of_calls(answers: Mapping[str, Mapping[str, Any]]) -> Plan:
    asked, mode = answers["provider"], answers["mode"]["mode"]
    common = {"pbx": answers["phones"]["pbx"], "server": asked["server"]}
    if mode != "alg":
        return RECIPES[mode].plan(common)
    media = {"media_from": asked.get("media_from", ""), "symmetric": asked.get("symmetric", True)}
    plan = RECIPES["pbx"].plan(common | media)
    template = templates().get(asked.get("template", ""))
    if template is None or plan.provider is None:
        return plan
    return replace(plan, provider=replace(plan.provider, name=template.name, template=template.key))


def review(request: OperatorRequest, setup: Setup, _values: Mapping[str, Any]) -> dict[str, Any]:
    services.draft_setup(actor=request.user, plan=plan_of(setup.answers))
    return {"of": asked_of(setup.answers)}


def asked_of(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the drafts follow from: another answer asks for others."""
    return {step: dict(answers.get(step, {})) for step in ("office", "phones", "provider", "mode")}


# --- Into the kernel, and out of the wizard ---


def applied(_request: OperatorRequest, _setup: Setup, _values: Mapping[str, Any]) -> dict[str, Any]:
    """Only what is kept is done."""
    if queries.waiting_revision() is not None:
        raise ValidationError(_("Keep the changes first: they are on trial, and the kernel takes them back by itself."))
    if queries.confirmed_revision() is None or queries.pending_changes():
        raise ValidationError(_("Apply the changes first."))
    return {}


def finished(_request: OperatorRequest, setup: Setup, _values: Mapping[str, Any]) -> dict[str, Any]:
    return dict(setup.seen)
