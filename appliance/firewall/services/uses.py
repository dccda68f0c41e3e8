# SPDX-License-Identifier: GPL-2.0-or-later
"""What holds for every kind of object: it has a name of its own, and is not deleted while something uses it."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appliance.firewall.models import AddressObject, Named, Rule, Schedule, Service
from appliance.firewall.queries import uses

Thing = AddressObject | Service | Schedule


def check_name(thing: Thing) -> None:
    if not thing.name:
        raise ValidationError({"name": [_("Give it a name.")]})
    if len(thing.name) > 80:
        raise ValidationError({"name": [_("A name has at most 80 characters.")]})
    model: type[Named] = type(thing)
    if model._default_manager.exclude(pk=thing.pk).filter(search=thing.name.casefold()).exists():
        raise ValidationError({"name": [_("“%s” exists already. Choose another name.") % thing.name]})


def check_unused(thing: Thing, field: str) -> None:
    """Raise ValidationError with the list of what uses it."""
    found = uses(thing)
    rules = [use.by for use in found if isinstance(use.by, Rule)]
    if rules:
        raise ValidationError({field: [_in_use(thing, rules)]}, code="in_use")
    if found:
        holders = ", ".join(f"“{use.by}”" for use in found)
        message = _("“%(name)s” belongs to %(holders)s. Take it out there first.")
        raise ValidationError({field: [message % {"name": thing.name, "holders": holders}]}, code="in_use")


def _in_use(thing: Thing, rules: list[Rule]) -> str:
    count = len(rules)
    message = ngettext(
        "“%(name)s” is used in %(count)d rule. Replace it there first: %(rules)s.",
        "“%(name)s” is used in %(count)d rules. Replace it there first: %(rules)s.",
        count,
    )
    listed = ", ".join(f"{rule.position} “{rule.name}”" for rule in rules)
    return message % {"name": thing.name, "count": count, "rules": listed}
