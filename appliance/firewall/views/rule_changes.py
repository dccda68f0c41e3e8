# SPDX-License-Identifier: GPL-2.0-or-later
"""What differs between two states of one rule, field by field and in words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.db.models import Model
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliance.firewall import services
from appliance.firewall.forms import RuleForm
from appliance.firewall.models import Action, Rule
from appliance.network.models import Role
from appliance.ui.columns import moment

WORDS: Final[Mapping[str, str | Promise]] = {
    "position": gettext_lazy("Position"),
    "from_zone": gettext_lazy("From side"),
    "to_zone": gettext_lazy("To side"),
}
"""Of what is no field of the form, or does not say enough alone."""
_SHOWN: Final = (*services.RULE_FIELDS, "position")
_ENUMERATIONS: Final = {"action": Action, "from_zone": Role, "to_zone": Role}


class Difference(NamedTuple):
    label: str | Promise
    before: str
    after: str


def rule_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Of two descriptions (services.describe_rule); what both leave empty is no difference."""
    return [
        Difference(label, _said(field, before.get(field)), _said(field, after.get(field)))
        for field, label in _labels().items()
        if (before.get(field) or None) != (after.get(field) or None)
    ]


def conflict(rule: Rule, values: Mapping[str, Any]) -> list[Difference]:
    """What somebody else has made of the rule, against the values of a form that was opened before."""
    mine = {field: _plain(values[field]) for field in services.RULE_FIELDS if field in values}
    theirs = {field: value for field, value in services.describe_rule(rule).items() if field in mine}
    return rule_differences(theirs, mine)


def _plain(value: Any) -> Any:
    """As in a description: names instead of rows."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Model) else value


def _labels() -> dict[str, str | Promise]:
    return {field: WORDS.get(field) or RuleForm.base_fields[field].label or field for field in _SHOWN}


def _said(field: str, value: Any) -> str:
    match value:
        case True:
            return _("yes")
        case None | "" | False | []:
            return _("no") if value is False else "–"
        case list():
            return ", ".join(map(str, value))
        case str() if field == "until":
            return moment(datetime.fromisoformat(value))
        case str() if field in _ENUMERATIONS:
            return str(dict(_ENUMERATIONS[field].choices).get(value, value))
    return str(value)
