# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects by name or id, as bodies of requests give them, what uses them, and who sent the request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, cast

from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Schema

from appliance.accounts.models import User
from appliance.firewall import queries
from appliance.firewall.models import AddressObject, Schedule, Service
from appliance.ui.forms import OperatorForm

Reference = int | str | None
Form = TypeVar("Form", bound=OperatorForm)
Object = TypeVar("Object", AddressObject, Service, Schedule)


def actor(request: HttpRequest) -> User:
    return cast(User, request.user)


def checked(form: Form) -> Form:
    """Raise its errors as a ValidationError by field."""
    if not form.is_valid():
        raise ValidationError({field: [str(each) for each in errors] for field, errors in form.errors.items()})
    return form


def address_named(field: str, reference: Reference) -> AddressObject | None:
    """Raise ValidationError on `field` where there is no such object."""
    return named(AddressObject, field, reference)


def named(model: type[Object], field: str, reference: Reference) -> Object | None:
    if reference is None:
        return None
    by = {"pk": reference} if isinstance(reference, int) else {"search": reference.casefold()}
    found = model._default_manager.filter(**by).first()
    if found is None:
        raise ValidationError({field: [_("There is no object “%s”. Create it first.") % reference]})
    return found


def present(model: type[Object], field: str, reference: Reference) -> Object:
    """As `named`, and missing is an error, too."""
    found = named(model, field, int(reference) if isinstance(reference, str) and reference.isdecimal() else reference)
    if found is None:
        raise ValidationError({field: [_("Say by which object.")]})
    return found


def several(model: type[Object], references: Sequence[int | str]) -> list[Object]:
    found = (named(model, "members", reference) for reference in references)
    return [member for member in found if member is not None]


class Replaced(Schema):
    places: int


class UseOut(Schema):
    """`kind` is a word like rule, addressobject, provider; `field` is by which of its fields it names the object."""

    kind: str
    id: int
    name: str
    field: str


class UseList(Schema):
    items: list[UseOut]
    count: int


def uses_of(thing: AddressObject | Service | Schedule) -> dict[str, Any]:
    items = [
        {"kind": use.by._meta.model_name, "id": use.by.pk, "name": str(use.by), "field": use.field}
        for use in queries.uses(thing)
    ]
    return {"items": items, "count": len(items)}
