# SPDX-License-Identifier: GPL-2.0-or-later
"""What each step of the wizard shows: its form, filled with what is known, and what was looked up. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import get_language

from appliance.accounts.forms import PasswordForm
from appliance.accounts.models import User
from appliance.accounts.queries import has_second_factor
from appliance.backup import document
from appliance.firewall import queries as firewall
from appliance.firewall import services as rules
from appliance.network import columns, queries
from appliance.sip.queries import templates
from appliance.system import queries as system
from appliance.system import services
from appliance.system.models import Setup
from appliance.ui.forms import OperatorForm
from appliance.wizard import forms, looking, saving

Given = Any
"""request.POST and request.FILES, or None twice."""


def nothing(_setup: Setup) -> dict[str, Any]:
    return {}


def no_form(_user: User, _setup: Setup, given: Given, _files: Given) -> OperatorForm:
    return forms.NoQuestions(given)


def plain(kind: Callable[..., OperatorForm], step: str) -> Callable[..., OperatorForm]:
    """A form that needs no more than the answers before."""

    def make(_user: User, setup: Setup, given: Given, _files: Given) -> OperatorForm:
        return kind(given, initial=setup.answers.get(step, {}))

    return make


def look_form(_user: User, _setup: Setup, given: Given, _files: Given) -> OperatorForm:
    return forms.LookForm(given, initial={"language": get_language()})


# --- Account ---


def owner_form(user: User, _setup: Setup, given: Given, _files: Given) -> OperatorForm:
    return forms.NoQuestions(given) if user.has_usable_password() else PasswordForm(given)


def owner(_setup: Setup) -> dict[str, Any]:
    return {}


def factor(setup: Setup) -> dict[str, Any]:
    user = User.objects.filter(username=setup.author).first()
    return {"has_factor": user is not None and has_second_factor(user)}


# --- From a backup ---


def upload_form(_user: User, setup: Setup, given: Given, files: Given) -> OperatorForm:
    return forms.UploadForm(given, files, kept=saving.kept_file(setup) is not None or "mapping" in setup.passed)


def upload(setup: Setup) -> dict[str, Any]:
    return {"kept": saving.kept_file(setup), "restored": "mapping" in setup.passed}


def mapping_form(_user: User, setup: Setup, given: Given, _files: Given) -> OperatorForm:
    kept = saving.kept_file(setup)
    parts = [(each.name, each.role) for each in document.checked(kept.content).interfaces] if kept else []
    return forms.MappingForm(given, parts=parts, here=_names_here())


def _names_here() -> list[str]:
    return sorted({*(row.name for row in queries.interfaces()), *(link["name"] for link in looking.links())})


def mapping(setup: Setup) -> dict[str, Any]:
    kept = saving.kept_file(setup)
    if kept is None:
        return {"restored": "mapping" in setup.passed, "forgotten": "mapping" not in setup.passed}
    content = document.checked(kept.content)
    return {"content": content} | preview(setup, {each.name: each.name for each in content.interfaces})


def preview(setup: Setup, chosen: Mapping[str, str]) -> dict[str, Any]:
    """What restoring would change in the draft, or why it cannot be."""
    kept = saving.kept_file(setup)
    if kept is None:
        return {"forgotten": True}
    try:
        return {"preview": services.preview(content=document.checked(kept.content), interfaces=chosen)}
    except ValidationError as error:
        return {"refusals": error.message_dict if hasattr(error, "error_dict") else {"": error.messages}}


# --- New ---


def interfaces(_setup: Setup) -> dict[str, Any]:
    found = looking.links()
    return {"rows": columns.interfaces(queries.interfaces(), found), "unavailable": not found}


def zones_form(_user: User, setup: Setup, given: Given, _files: Given) -> OperatorForm:
    found = looking.links()
    known = {row.name: row.role for row in queries.interfaces()}
    answered = setup.answers.get("zones", {}).get("roles", {})
    roles = looking.proposed(found) | answered | known
    return forms.ZonesForm(given, roles={name: str(role) for name, role in sorted(roles.items())})


def zones(_setup: Setup) -> dict[str, Any]:
    rows = columns.interfaces(queries.interfaces(), looking.links())
    return {"states": {row["name"]: row for row in rows}}


def internet_form(_user: User, _setup: Setup, given: Given, _files: Given) -> OperatorForm:
    return forms.InternetForm(given, initial={"servers": ", ".join(firewall.name_servers())})


def office(_setup: Setup) -> dict[str, Any]:
    return {"hints": {word: consequence for word, (_label, consequence) in forms.OUTWARDS.items()}}


def phones_form(_user: User, setup: Setup, given: Given, _files: Given) -> OperatorForm:
    found = looking.neighbours()
    answer = setup.answers.get("phones")
    initial: dict[str, str] = {}
    if answer is not None:
        listed = answer["pbx"] in {each.address for each in found}
        initial = {"pbx": answer["pbx"] if listed else forms.TYPED if answer["pbx"] else forms.NONE}
        initial |= {"address": "" if listed else answer["pbx"]}
    return forms.PhonesForm(given, found=found, initial=initial)


def phones(_setup: Setup) -> dict[str, Any]:
    return {"hints": {each.address: each for each in looking.neighbours()}}


def provider_form(_user: User, setup: Setup, given: Given, _files: Given) -> OperatorForm:
    answer = dict(setup.answers.get("provider", {}))
    return forms.ProviderForm(given, initial=answer | {"server": answer.get("typed", "")} if answer else None)


def provider(setup: Setup) -> dict[str, Any]:
    answer = setup.answers.get("provider", {})
    return found_servers(answer.get("template", ""), answer.get("typed", "")) if answer else {}


def found_servers(template: str, server: str) -> dict[str, Any]:
    """What is behind the server that was typed, or that the template names."""
    chosen = templates().get(template)
    asked = server or (chosen.server if chosen else "")
    return {"template": chosen, "asked": asked, "servers": looking.servers(asked)}


def mode(_setup: Setup) -> dict[str, Any]:
    return {"hints": {word: consequence for word, (_label, consequence) in forms.MODES.items()}}


def review(setup: Setup) -> dict[str, Any]:
    try:
        return {"plan": rules.preview_plan(plan=saving.plan_of(setup.answers))}
    except ValidationError as error:
        return {"refusals": error.message_dict if hasattr(error, "error_dict") else {"": error.messages}}


# --- Into the kernel ---


def apply(setup: Setup) -> dict[str, Any]:
    """What waits to be applied, or how far the wizard's own revision is."""
    revision = system.revisions().filter(number=setup.revision).first() if setup.revision else None
    changes = system.pending_changes()
    done = system.waiting_revision() is None and system.confirmed_revision() is not None and not changes
    return {"revision": revision, "changes": changes, "done": done}


def check(setup: Setup) -> dict[str, Any]:
    pbx = setup.answers.get("phones", {}).get("pbx", "") if "phones" in setup.passed else ""
    return {"heard": looking.heard(pbx), "seen": setup.seen, "pbx": pbx}
