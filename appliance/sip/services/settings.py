# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to the ALG's settings. They are configuration: staged, and in force with the next apply."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_interface
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.network.models import Interface, Role
from appliance.ruleset import notation
from appliance.sip.columns.kinds import Addresses, Setting
from appliance.sip.columns.settings import SETTINGS
from appliance.sip.models import AlgSettings, Provider
from sipalg_core.contract.control import SIP_PORT

LEARNING = "peering.learn_media"


@transaction.atomic
def change_settings(*, actor: User | str, values: Mapping[str, Any], provider: Provider | None = None) -> AlgSettings:
    """Set these, by their paths, for all providers or for one. Errors are ValidationErrors that name the path."""
    row = _row(provider)
    kept, errors = dict(row.values), {}
    for path, value in values.items():
        try:
            kept[path] = _checked(path, value, provider)
        except ValidationError as error:
            errors[path] = error.messages
    if errors:
        raise ValidationError(errors)
    return _save(actor, row, kept)


@transaction.atomic
def reset_settings(*, actor: User | str, paths: list[str], provider: Provider | None = None) -> AlgSettings:
    """Back to what is inherited, or for all providers to the default."""
    for path in paths:
        _setting(path)
    row = _row(provider)
    return _save(actor, row, {path: value for path, value in row.values.items() if path not in paths})


def enter_settings(*, actor: User | str, provider: str | None, values: Mapping[str, Any]) -> AlgSettings:
    """Those of a document, where a provider goes by its name. Errors name the field of the document."""
    named = Provider.objects.filter(name=provider).first() if provider else None
    if provider and named is None:
        raise ValidationError({"provider": [_("There is no provider “%s” in this document.") % provider]})
    try:
        return change_settings(actor=actor, values=values, provider=named)
    except ValidationError as error:
        raise ValidationError({f"values.{path}": said for path, said in error.message_dict.items()}) from error


def describe_settings(row: AlgSettings) -> dict[str, Any]:
    return {"provider": row.provider.name if row.provider else None, "values": row.values}


def _save(actor: User | str, row: AlgSettings, values: dict[str, Any]) -> AlgSettings:
    _check_ports(values)
    before, row.values = row.values, values
    if before != values:
        row.save()
        record(actor=actor, verb="update", target=row, before=before, after=values)
    return row


def _row(provider: Provider | None) -> AlgSettings:
    return AlgSettings.objects.filter(provider=provider).first() or AlgSettings(provider=provider)


def _setting(path: str) -> Setting:
    setting = SETTINGS.get(path)
    if setting is None:
        raise ValidationError({path: [_("There is no such setting.")]})
    return setting


def _checked(path: str, value: Any, provider: Provider | None) -> Any:
    setting = _setting(path)
    if provider is not None and setting.where == "all":
        raise ValidationError(_("This is one for all providers."))
    if provider is None and setting.where == "provider":
        raise ValidationError(_("This is one of a single provider."))
    cleaned = setting.clean(value)
    if path == LEARNING and cleaned and provider is not None and provider.media is None:
        raise ValidationError(_("Name the provider's media networks first: nothing is learnt from anywhere else."))
    if isinstance(setting, Addresses):
        external = Interface.objects.filter(role=Role.EXTERNAL)
        own = {str(ip_interface(address).ip) for each in external for address in each.addresses}
        foreign = [each for each in cleaned if each not in own]
        if foreign:
            raise ValidationError(_("%s is on no external interface.") % ", ".join(foreign))
    return cleaned


def _check_ports(values: Mapping[str, Any]) -> None:
    """Media and signalling may not meet: a port is either read or forwarded."""
    media, signalling = (
        notation.port_ranges(str(values.get(path, SETTINGS[path].default)))[0]
        for path in ("policy.media_ports", "policy.signalling_ports")
    )
    if media.first <= signalling.last and signalling.first <= media.last:
        raise ValidationError({"policy.media_ports": [_("Media ports and signalling ports must not overlap.")]})
    if media.first <= SIP_PORT <= media.last:
        raise ValidationError({"policy.media_ports": [_("Port 5060 is that of SIP itself.")]})
