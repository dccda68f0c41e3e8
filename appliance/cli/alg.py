# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs of the ALG's configuration: providers, and the settings for all of them and for one. They change the draft."""

from __future__ import annotations

import json
from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance.cli.asking import ACTOR, Verb, address, given
from appliance.sip import queries, services
from appliance.sip.models import Provider

_OBJECTS: Final = ("signalling", "media")


def list_providers(_asked: Namespace) -> list[dict[str, Any]]:
    return [services.describe(each) for each in queries.providers()]


def add_provider(asked: Namespace) -> dict[str, Any]:
    made = services.create_provider(actor=ACTOR, name=asked.name, **_fields(asked))
    return services.describe(made)


def edit_provider(asked: Namespace) -> dict[str, Any]:
    found = _provider("name", asked.name)
    changes = _fields(asked) | ({"name": asked.rename} if asked.rename is not None else {})
    return services.describe(services.update_provider(actor=ACTOR, provider=found, **changes))


def delete_provider(asked: Namespace) -> dict[str, Any]:
    services.delete_provider(actor=ACTOR, provider=_provider("name", asked.name))
    return {"deleted": asked.name}


def settings(asked: Namespace) -> list[dict[str, Any]]:
    """With `path=value` and --reset: these from now on, and the rest stays."""
    provider = _provider("provider", asked.provider) if asked.provider else None
    with transaction.atomic():  # all of it, or nothing
        if asked.reset:
            services.reset_settings(actor=ACTOR, paths=asked.reset, provider=provider)
        if asked.value:
            services.change_settings(actor=ACTOR, values=dict(map(_assignment, asked.value)), provider=provider)
    found = [each for _group, standing in queries.standing(provider) for each in standing]
    return [
        {"path": each.setting.path, "value": each.value if asked.json else each.said, "origin": each.origin,
         "range": each.setting.range}
        for each in found
    ]  # fmt: skip


# --- Their parts ---


def _provider(field: str, name: str) -> Provider:
    found = queries.providers().filter(name=name).first()
    if found is None:
        raise ValidationError({field: [_("There is no provider “%s”.") % name]})
    return found


def _fields(asked: Namespace) -> dict[str, Any]:
    """An empty name of an object is none."""
    said = given(asked, "template", "symmetric_media")
    return said | {field: address(field, name or None) for field, name in given(asked, *_OBJECTS).items()}


def _assignment(text: str) -> tuple[str, Any]:
    path, given, value = text.partition("=")
    if not given:
        raise ValidationError({"value": [_("Write path=value, such as timers.t1=500.")]})
    try:
        return path, json.loads(value)
    except ValueError:
        return path, value


# --- Their arguments ---


def _naming(parser: ArgumentParser) -> None:
    parser.add_argument("name")


def _describing(parser: ArgumentParser) -> None:
    _naming(parser)
    parser.add_argument("--media", help="an object; an empty one is the signalling's addresses")
    parser.add_argument("--template")
    parser.add_argument("--symmetric-media", action=BooleanOptionalAction, help="media comes from where it announces")


def _adding(parser: ArgumentParser) -> None:
    _describing(parser)
    parser.add_argument("--signalling", required=True, help="an object")


def _editing(parser: ArgumentParser) -> None:
    _describing(parser)
    parser.add_argument("--signalling", help="an object")
    parser.add_argument("--rename", metavar="NAME")


def _setting(parser: ArgumentParser) -> None:
    parser.add_argument("value", nargs="*", metavar="PATH=VALUE", help="a number, a word, true, false, or JSON")
    parser.add_argument("--reset", action="append", metavar="PATH", help="inherit it again; once for each")
    parser.add_argument("--provider", help="of this one alone")


VERBS: Final = (
    Verb("providers", "list providers", list_providers),
    Verb("add-provider", "add a provider", add_provider, _adding),
    Verb("edit-provider", "change what is said of a provider, and nothing else", edit_provider, _editing),
    Verb("delete-provider", "delete a provider", delete_provider, _naming),
    Verb("alg-settings", "the ALG's settings; with arguments, change them", settings, _setting),
)
