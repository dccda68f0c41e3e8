# SPDX-License-Identifier: GPL-2.0-or-later
"""Taking back the last deletion or move of a rule, what was done to several, or the deletion of an object.

What is needed for it is plain JSON that its page keeps a while.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal, cast

from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from appliance.audit.services import record
from appliance.firewall.models import AddressObject, Named, Rule, Service
from appliance.firewall.services.addresses import describe_address
from appliance.firewall.services.objects import describe_schedule, describe_service
from appliance.firewall.services.rules import Actor, describe_rule, place_rule, restore_rule
from appliance.firewall.services.uses import Thing

Kind = Literal["delete", "move"]


def remembered(rule: Rule, kind: Kind) -> dict[str, Any]:
    """The rule as it stands, before it is deleted or moved."""
    row = json.loads(serializers.serialize("json", [rule]))[0]
    return {"kind": kind, "row": row, "name": rule.name, "table": rule.table}


def remembered_several(rules: Sequence[Rule], said: str) -> dict[str, Any]:
    """Rules as they stand, before all of them are changed or deleted; `said` is what will be said then."""
    rows = json.loads(serializers.serialize("json", rules))
    return {"kind": "several", "rows": rows, "name": said, "table": rules[0].table}


def remembered_object(thing: Thing) -> dict[str, Any]:
    """The object as it stands, before it is deleted; nothing names it then."""
    row = json.loads(serializers.serialize("json", [thing]))[0]
    return {"kind": "object", "row": row, "name": thing.name}


@transaction.atomic
def take_back(*, actor: Actor, offer: dict[str, Any]) -> Rule:
    """Under its own key, at its place and in its section; raise ValidationError where that is not possible any more."""
    if offer["kind"] == "several":
        kept = [each.object for each in serializers.deserialize("python", offer["rows"], ignorenonexistent=True)]
        return [restore_rule(actor=actor, rule=rule) for rule in kept if isinstance(rule, Rule)][-1]
    row = offer["row"]
    there = Rule.objects.filter(pk=row["pk"]).first()
    if (there is None) != (offer["kind"] == "delete"):
        raise ValidationError(_("It cannot be undone any more: “%s” was changed since.") % offer["name"])
    if there is None:
        rule = _made_again(row, offer["name"])
    else:
        rule = there
        rule.section = row["fields"]["section"]
        rule.save(update_fields=["section"])
    place_rule(rule, position=row["fields"]["position"])
    record(actor=actor, verb=f"undo {offer['kind']}", target=rule, after=describe_rule(rule))
    return rule


def _made_again(row: dict[str, Any], name: str) -> Rule:
    try:
        with transaction.atomic():
            for each in serializers.deserialize("python", [row], ignorenonexistent=True):
                each.save()
            rule = Rule.objects.get(pk=row["pk"])
            rule.clean_fields()  # SQLite would look at what it names only when all is done
    except (IntegrityError, ValidationError, serializers.base.DeserializationError) as error:
        raise ValidationError(_("“%s” named an object that is gone.") % name) from error
    return rule


@transaction.atomic
def take_back_object(*, actor: Actor, offer: dict[str, Any]) -> Thing:
    """Under its own key and with what it held; raise ValidationError where that is not possible any more."""
    (kept,) = serializers.deserialize("python", [offer["row"]], ignorenonexistent=True)
    thing = cast(Thing, kept.object)
    model, members = cast("type[Named]", type(thing)), (kept.m2m_data or {}).get("members", [])
    known = model._default_manager
    if known.filter(Q(pk=thing.pk) | Q(search=thing.name.casefold())).exists():
        raise ValidationError(_("It cannot be undone any more: “%s” was changed since.") % thing.name)
    if known.filter(pk__in=members).count() != len(members):
        raise ValidationError(_("“%s” named an object that is gone.") % thing.name)
    kept.save()
    record(actor=actor, verb="undo delete", target=thing, after=_described(thing))
    return thing


def _described(thing: Thing) -> dict[str, Any]:
    if isinstance(thing, AddressObject):
        return describe_address(thing)
    return describe_service(thing) if isinstance(thing, Service) else describe_schedule(thing)
