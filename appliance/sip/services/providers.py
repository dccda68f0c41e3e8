# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to providers."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall.models import AddressObject
from appliance.sip.models import Provider
from appliance.sip.queries.templates import templates


@transaction.atomic
def create_provider(
    *,
    actor: User | str,
    name: str,
    signalling: AddressObject,
    media: AddressObject | None = None,
    symmetric_media: bool = False,
    template: str = "",
) -> Provider:
    provider = Provider(
        name=name.strip(), signalling=signalling, media=media, symmetric_media=symmetric_media, template=template
    )
    _check(provider)
    provider.save()
    record(actor=actor, verb="create", target=provider, after=describe(provider))
    return provider


@transaction.atomic
def update_provider(*, actor: User | str, provider: Provider, **changes: Any) -> Provider:
    """`changes`: name, signalling, media, symmetric_media, template."""
    before = describe(provider)
    for field, value in changes.items():
        setattr(provider, field, value)
    _check(provider)
    provider.save()
    record(actor=actor, verb="update", target=provider, before=before, after=describe(provider))
    return provider


@transaction.atomic
def delete_provider(*, actor: User | str, provider: Provider) -> None:
    record(actor=actor, verb="delete", target=provider, before=describe(provider))
    provider.delete()


def describe(provider: Provider) -> dict[str, Any]:
    return {
        "name": provider.name,
        "signalling": provider.signalling.name,
        "media": provider.media.name if provider.media else None,
        "symmetric_media": provider.symmetric_media,
        "template": provider.template,
    }


def _check(provider: Provider) -> None:
    if provider.template and provider.template not in templates():
        raise ValidationError({"template": [_("There is no such template.")]})
    others = Provider.objects.exclude(pk=provider.pk)
    if not provider.name:
        raise ValidationError({"name": [_("Give the provider a name.")]})
    if others.filter(name=provider.name).exists():
        raise ValidationError({"name": [_("“%s” exists already. Choose another name.") % provider.name]})
    taken = others.filter(signalling=provider.signalling).first()
    if taken:
        message = _("These addresses already belong to the provider “%s”.") % taken.name
        raise ValidationError({"signalling": [message]})
