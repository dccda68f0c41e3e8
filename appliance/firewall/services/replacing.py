# SPDX-License-Identifier: GPL-2.0-or-later
"""The replacement of an object everywhere, in one action."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall.models import AddressObject, Rule
from appliance.firewall.queries import Use, uses
from appliance.firewall.services.addresses import update_address
from appliance.firewall.services.objects import update_service
from appliance.firewall.services.rules import update_rule
from appliance.firewall.services.uses import Thing


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
    members: list[Any] = list(dict.fromkeys(by if member.pk == thing.pk else member for member in group.members.all()))
    if isinstance(group, AddressObject):
        update_address(actor=actor, address=group, members=members)
    else:
        update_service(actor=actor, service=group, members=members)
