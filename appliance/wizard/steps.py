# SPDX-License-Identifier: GPL-2.0-or-later
"""The wizard's steps in their order, as one table: name, words, form, what it does with the answers, what it shows.

A step's `save` calls a service and returns what is kept of the answers; a refusal is a ValidationError by field.
`wanted` says whether the step concerns who answered so far.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appliance.system.models import Setup
from appliance.ui.forms import OperatorForm
from appliance.wizard import forms, saving, showing

Answers = Mapping[str, Mapping[str, Any]]


CONTINUE: Final = _("Continue")


@dataclass(frozen=True, slots=True)
class Step:
    """`save` gets the request, the setup and the cleaned values; `form` what was posted, the setup and the account."""

    name: str
    label: Promise
    about: Promise
    form: Callable[..., OperatorForm]
    save: Callable[..., dict[str, Any]] = saving.nothing
    show: Callable[[Setup], dict[str, Any]] = showing.nothing
    wanted: Callable[[Answers], bool] = lambda _answers: True
    go_on: Promise = CONTINUE


def _new(answers: Answers) -> bool:
    return bool(answers.get("start", {}).get("way", "new") == "new")


def _restores(answers: Answers) -> bool:
    return not _new(answers)


def _calls(answers: Answers) -> bool:
    """Whether there is a phone system to be connected anew."""
    return _new(answers) and bool(answers.get("phones", {"pbx": "?"})["pbx"])


def _drafts(answers: Answers) -> bool:
    """Whether rules follow from the answers."""
    return _calls(answers) or (_new(answers) and answers.get("office", {}).get("what") != forms.NOTHING)


def _checks(answers: Answers) -> bool:
    return _restores(answers) or _calls(answers)


STEPS: Final = (
    Step(
        "look", _("Language and look"), _("For this browser. Both can be changed at any time, in the bar above."),
        showing.look_form, saving.values,
    ),
    Step(
        "owner", _("Your account"), _("You came in by a link that works once. A password lets you come back."),
        showing.owner_form, saving.password, showing.owner,
    ),
    Step(
        "factor", _("Second factor"),
        _("With a passkey or an authenticator app a stolen password alone lets nobody in."),
        showing.no_form, show=showing.factor,
    ),
    Step(
        "start", _("New or restore"), _("A backup of another Pinhole brings its rules, objects and providers along."),
        showing.plain(forms.WayForm, "start"), saving.values,
    ),
    Step(
        "restore", _("Backup file"), _("It is only looked into; the next step shows what it would change."),
        showing.upload_form, saving.upload, showing.upload, _restores,
    ),
    Step(
        "mapping", _("Interfaces of the backup"),
        _("Which interface of this device takes the part of which one in the file."),
        showing.mapping_form, saving.mapping, showing.mapping, _restores, _("Restore as a draft"),
    ),
    Step(
        "interfaces", _("Interfaces"),
        _("What this device has. Plug a cable in or out to see which interface it is."),
        showing.no_form, show=showing.interfaces, wanted=_new,
    ),
    Step(
        "zones", _("Zones"),
        _("Proposed from what is plugged in. External leads to the Internet; internal is where telephones and "
          "computers are. Nothing passes from one to the other until a rule lets it."),
        showing.zones_form, saving.zones, showing.zones, _new,
    ),
    Step(
        "internet", _("Internet, time and names"),
        _("Looked at now. What is not well stops nobody, and says what to do."),
        showing.internet_form, saving.internet,
    ),
    Step(
        "office", _("Internet for the office"),
        _("What computers and telephones inside may reach in the Internet, beside telephony."),
        showing.plain(forms.OfficeForm, "office"), saving.values, showing.office, _new,
    ),
    Step(
        "phones", _("Phone system"), _("Do you have one? These hosts were found behind this firewall."),
        showing.phones_form, saving.values, showing.phones, _new,
    ),
    Step(
        "provider", _("Provider"),
        _("Who connects you with the telephone network. Its server is looked up while you type."),
        showing.provider_form, saving.provider, showing.provider, _calls,
    ),
    Step(
        "mode", _("How calls pass"), _("It can be changed later, for this provider alone."),
        showing.plain(forms.ModeForm, "mode"), saving.values, showing.mode, _calls,
    ),
    Step(
        "review", _("The rules, in words"),
        _("This follows from your answers. All else stays closed. Nothing of it runs before the next step."),
        showing.no_form, saving.review, showing.review, _drafts, _("Make drafts of it"),
    ),
    Step(
        "apply", _("Apply"),
        _("All of it becomes active together. Where rules ran before, you have 90 seconds to keep it; without that the "
          "kernel goes back by itself."),
        showing.no_form, saving.applied,
    ),
    Step(
        "check", _("Do calls work?"), _("Call somebody outside from one of your telephones, and let them speak."),
        showing.no_form, saving.finished, showing.check, _checks, _("Finish"),
    ),
)  # fmt: skip


def visible(answers: Answers) -> list[Step]:
    """Those that concern who answered so; the ones behind an unanswered question as its usual answer has them."""
    return [step for step in STEPS if step.wanted(answers)]


def next_open(setup: Setup) -> Step:
    """The first that is not done; the last where all are."""
    steps = visible(setup.answers)
    return next((step for step in steps if step.name not in setup.passed), steps[-1])


def reachable(setup: Setup, name: str) -> Step | None:
    """The step of this name, where all before it are done."""
    for step in visible(setup.answers):
        if step.name == name:
            return step
        if step.name not in setup.passed:
            return None
    return None


def after(setup: Setup, step: Step) -> Step | None:
    steps = visible(setup.answers)
    at = [each.name for each in steps].index(step.name)
    return steps[at + 1] if at + 1 < len(steps) else None


def before(setup: Setup, step: Step) -> Step | None:
    steps = visible(setup.answers)
    at = [each.name for each in steps].index(step.name)
    return steps[at - 1] if at else None
