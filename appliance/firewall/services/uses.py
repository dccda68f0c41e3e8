# SPDX-License-Identifier: GPL-2.0-or-later
"""What holds for every kind of object: its name, who uses it, and its replacement everywhere in one action."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall.models import AddressObject, Named, Rule, Schedule, Service
from appliance.firewall.queries import Use, uses
from appliance.firewall.services.rules import update_rule

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
        "“%(name)s” is used in %(count)d rule (%(rules)s). Replace it there first.",
        "“%(name)s” is used in %(count)d rules (%(rules)s). Replace it there first.",
        count,
    )
    listed = ", ".join(f"{rule.position} “{rule.name}”" for rule in rules)
    return message % {"name": thing.name, "count": count, "rules": listed}


@transaction.atomic
def replace_everywhere(*, actor: User | str, thing: Thing, by: Thing) -> int:
    """In every rule, group, provider: all of them or none, as a draft; how many places. The object itself stays."""
    if type(by) is not type(thing) or by.pk == thing.pk:
        raise ValidationError({"by": [_("Choose another object.")]})
    found = uses(thing)
    for use in found:
        try:
            _replace(actor, use, thing, by)
        except ValidationError as error:
            message = _("“%(by)s” cannot stand in “%(place)s”: %(why)s")
            values = {"by": by.name, "place": use.by, "why": " ".join(error.messages)}
            raise ValidationError({"by": [message % values]}) from error
    record(actor=actor, verb="replace", target=thing, after={"by": by.name, "places": len(found)})
    return len(found)


def _replace(actor: User | str, use: Use, thing: Thing, by: Thing) -> None:
    holder: Any = use.by
    if isinstance(holder, Rule):
        current = Rule.objects.get(pk=holder.pk)
        update_rule(actor=actor, rule=current, version=current.version, **{use.field: by})
        return
    if use.field == "members":
        _replace_member(actor, holder, thing, by)
        return
    related = holder._meta.get_field(use.field)
    others = type(holder)._default_manager.exclude(pk=holder.pk).filter(**{use.field: by})
    if isinstance(related, models.OneToOneField) and others.exists():
        raise ValidationError(_("“%s” has it already.") % others.get())
    setattr(holder, use.field, by)
    holder.save()
    record(
        actor=actor, verb="update", target=holder, before={use.field: thing.name}, after={use.field: by.name}
    )  # fmt: skip


def _replace_member(actor: User | str, group: Any, thing: Thing, by: Thing) -> None:
    from appliance.firewall.services.addresses import update_address  # they check names here
    from appliance.firewall.services.objects import update_service

    members: list[Any] = list(dict.fromkeys(by if member.pk == thing.pk else member for member in group.members.all()))
    if isinstance(group, AddressObject):
        update_address(actor=actor, address=group, members=members)
    else:
        update_service(actor=actor, service=group, members=members)
