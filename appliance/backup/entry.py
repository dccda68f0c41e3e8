# SPDX-License-Identifier: GPL-2.0-or-later
"""The document from the rows, and into them: everything there is gives way, each thing is entered through its service.

`enter` writes; call it from a service, inside a transaction. A refusal names the place in the document.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.backup.document import FORMAT, PRODUCT, VERSION, Document, checked, place
from appliance.firewall import queries as firewall
from appliance.firewall import services as firewall_services
from appliance.firewall.models import AddressObject, Rule, Schedule, Service
from appliance.network import queries as network
from appliance.network import services as network_services
from appliance.network.models import Interface
from appliance.sip import services as sip_services
from appliance.sip.models import AlgSettings, Provider
from appliance.sip.services.providers import describe as describe_provider


@dataclass(frozen=True)
class Kind:
    """`references` are fields that name another thing, by its model."""

    name: str
    model: type[models.Model]
    rows: Callable[[], Iterable[Any]]
    describe: Callable[[Any], dict[str, Any]]
    create: Callable[..., Any]
    references: Mapping[str, type[models.Model]] = field(default_factory=dict)


def _members_first(rows: Iterable[Any]) -> list[Any]:
    """Groups behind what they hold, however deep."""

    def depth(thing: Any) -> int:
        return 1 + max((depth(member) for member in thing.members.all()), default=0)

    return sorted(rows, key=depth)


def _rule(rule: Rule) -> dict[str, Any]:
    described = firewall_services.describe_rule(rule)
    del described["position"]
    return described | {"expired": rule.expired_at is not None}


KINDS: Final = (
    Kind(
        "interfaces", Interface, network.interfaces, network_services.describe, network_services.save_interface
    ),
    Kind(
        "addresses", AddressObject, lambda: _members_first(firewall.addresses()), firewall_services.describe_address,
        firewall_services.create_address, {"members": AddressObject},
    ),
    Kind(
        "services", Service, lambda: _members_first(firewall.services()), firewall_services.describe_service,
        firewall_services.create_service, {"members": Service},
    ),
    Kind(
        "schedules", Schedule, firewall.schedules, firewall_services.describe_schedule,
        firewall_services.create_schedule,
    ),
    Kind(
        "rules", Rule, firewall.rules, _rule, firewall_services.create_rule,
        {"source": AddressObject, "destination": AddressObject, "target": AddressObject, "service": Service,
         "schedule": Schedule},
    ),
    Kind(
        "providers", Provider, lambda: Provider.objects.select_related("signalling", "media"), describe_provider,
        sip_services.create_provider, {"signalling": AddressObject, "media": AddressObject},
    ),
    Kind(
        "settings", AlgSettings, lambda: AlgSettings.objects.select_related("provider"), sip_services.describe_settings,
        sip_services.enter_settings,
    ),
)  # fmt: skip
"""In the order in which they can be entered."""


def collect() -> Document:
    """The rows as they stand."""
    plain: dict[str, Any] = {
        "format": FORMAT, "version": VERSION, "product": PRODUCT, "made": timezone.now().isoformat(timespec="seconds"),
    }  # fmt: skip
    for kind in KINDS:
        plain[kind.name] = [_plain(kind.describe(row)) for row in kind.rows()]
    return checked(plain)


Tell = Callable[[int, int], None]


def in_silence(_done: int, _of: int) -> None:
    """For who does not want to know how far it is."""


def enter(
    *, actor: User | str, document: Document, interfaces: Mapping[str, str], tell: Tell = in_silence
) -> int:  # fmt: skip
    """Replace the configuration; `interfaces` gives names of the document other names here, "" leaves one out.

    How many rules were left out because their time is over; `tell` hears how many things of how many are entered.
    Raise ValidationError by place.
    """
    for kind in reversed(KINDS):
        kind.model._default_manager.all().delete()
    left_out = done = 0
    of = sum(len(getattr(document, kind.name)) for kind in KINDS)
    errors: dict[str, list[str]] = {}
    for kind in KINDS:
        for index, thing in enumerate(getattr(document, kind.name)):
            tell(done := done + 1, of)
            values = thing.model_dump()
            if values.pop("expired", False):
                left_out += 1
                continue
            if kind.model is Interface:
                values["name"] = interfaces.get(values["name"], values["name"])
                if not values["name"]:
                    continue
            try:
                _create(kind, actor, values)
            except ValidationError as error:
                by_field = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
                for name, messages in by_field.items():
                    errors.setdefault(place(kind.name, index, *filter(None, [name])), []).extend(messages)
        if errors:
            raise ValidationError(errors)  # what names these would only repeat them
    return left_out


def _create(kind: Kind, actor: User | str, values: dict[str, Any]) -> None:
    accepted = inspect.signature(kind.create).parameters
    if not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in accepted.values()):
        unknown = sorted(set(values) - set(accepted))
        if unknown:
            raise ValidationError({name: [_("There is no such field.")] for name in unknown})
    for name, model in kind.references.items():
        if name in values:
            values[name] = _resolved(model, name, values[name])
    kind.create(actor=actor, **values)


def _resolved(model: type[models.Model], name: str, reference: Any) -> Any:
    if isinstance(reference, list):
        return [_named(model, name, each) for each in reference]
    return None if reference is None else _named(model, name, reference)


def _named(model: type[models.Model], name: str, text: str) -> models.Model:
    found = model._default_manager.filter(search=text.casefold()).first()
    if found is None:
        raise ValidationError({name: [_("There is no object “%s” in this document.") % text]})
    return found


def _plain(described: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in described.items()}
