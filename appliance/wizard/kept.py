# SPDX-License-Identifier: GPL-2.0-or-later
"""What is kept of the answers, as far as it still answers: what is missing, odd or has gone since is left away.

A row may be older than this program, or be written by hand; interfaces, templates and rules may be gone since somebody
answered. So each page of the wizard reads its row through `sound`, and the step of what is left away is asked again.
"""

from __future__ import annotations

import copy
import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import ValidationError

from appliance.firewall.models import Rule
from appliance.network import queries as network
from appliance.network.models import Role
from appliance.recipes.plans import Plan
from appliance.sip.queries import templates
from appliance.system.models import Setup, is_key
from appliance.wizard import forms, looking, saving, steps

Answer = Mapping[str, Any]


def _words(answer: Answer, *names: str) -> bool:
    return all(isinstance(answer.get(name), str) for name in names)


def _pbx(answer: Answer) -> bool:
    """One address, or "" where there is none."""
    if not _words(answer, "pbx"):
        return False
    try:
        return not answer["pbx"] or bool(ipaddress.ip_address(answer["pbx"]))
    except ValueError:
        return False


def _roles(answer: Answer) -> bool:
    roles, missing = answer.get("roles"), answer.get("missing", [])
    return isinstance(roles, dict) and isinstance(missing, list) and all(isinstance(each, str) for each in missing)


def _provider(answer: Answer) -> bool:
    return (
        _words(answer, "server", "typed", "media_from", "template")
        and isinstance(answer.get("symmetric"), bool)
        and answer["template"] in ("", *templates())
    )


_FITS: Final[dict[str, Callable[[Answer], bool]]] = {
    "look": lambda answer: answer.get("language") in [code for code, _name in settings.LANGUAGES],
    "start": lambda answer: answer.get("way") in ("new", "restore"),
    "restore": lambda answer: is_key(answer.get("kept")),
    "mapping": lambda answer: isinstance(answer.get("interfaces"), dict),
    "zones": _roles,
    "office": lambda answer: answer.get("what") in list(forms.OUTWARDS),
    "phones": _pbx,
    "provider": _provider,
    "mode": lambda answer: answer.get("mode") in list(forms.MODES),
    "review": lambda answer: isinstance(answer.get("of"), dict),
}
"""Whether an answer has the shape that its step keeps; of the others nothing is kept that anybody reads."""


def _file_is_there(setup: Setup) -> bool:
    """Until it is restored; it is forgotten after an hour."""
    return "mapping" in setup.passed or saving.kept_file(setup) is not None


def _interfaces_are_there(setup: Setup) -> bool:
    """One outside, one inside, and none that was there when they were chosen is gone (where that can be asked)."""
    roles = {row.name: row.role for row in network.interfaces()}
    here = {link["name"] for link in looking.links()}
    gone = {name for name in roles if name not in here and name not in setup.answers["zones"].get("missing", ())}
    inside = {Role.INTERNAL, Role.DMZ} & set(roles.values())
    return Role.EXTERNAL in roles.values() and bool(inside) and not (here and gone)


def _plan_is_possible(setup: Setup) -> bool:
    return "phones" not in setup.answers or _plan(setup.answers | {"mode": {"mode": "alg"}}) is not None


def _drafts_are_there(setup: Setup) -> bool:
    """They follow from these answers, and not all of them were deleted."""
    drafted = setup.drafted.get("rule", [])
    there = not drafted or Rule.objects.filter(pk__in=drafted).exists()
    return there and setup.answers["review"]["of"] == saving.asked_of(setup.answers)


_HOLDS: Final[dict[str, Callable[[Setup], bool]]] = {
    "restore": _file_is_there,
    "zones": _interfaces_are_there,
    "provider": _plan_is_possible,
    "review": _drafts_are_there,
}
"""Whether what an answer speaks of is there still; asked of those that fit, and of steps that are done."""


def sound(setup: Setup) -> tuple[Setup, set[str]]:
    """The row as far as it answers (a copy, not to be saved), and the steps that were done and must be done again."""
    found = fitting(setup)
    lost = {name for name in _FITS if name in setup.passed and name not in found.answers}
    for name, holds in _HOLDS.items():
        if name in found.passed and name not in lost and name in _shown(found) and not holds(found):
            lost.add(name)
    found.passed = [name for name in found.passed if name not in lost]
    return found, lost & _shown(found)


def fitting(setup: Setup) -> Setup:
    """A copy with the answers that have the shape of their step; asks nobody."""
    found = copy.copy(setup)
    found.answers = {
        name: answer for name, answer in setup.answers.items() if name not in _FITS or _FITS[name](answer)
    }  # fmt: skip
    return found


def _shown(setup: Setup) -> set[str]:
    return {step.name for step in steps.visible(setup.answers)}


def _plan(answers: Mapping[str, Answer]) -> Plan | None:
    try:
        return saving.plan_of(answers)
    except ValidationError:
        return None
