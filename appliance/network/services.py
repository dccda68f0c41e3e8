# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to interfaces."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.network.models import Interface, Role
from sipalg_core.contract import names

INTERFACE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,15}")  # IFNAMSIZ - 1


@transaction.atomic
def save_interface(
    *,
    actor: User | str,
    name: str,
    role: str,
    addresses: Sequence[str],
    masquerade: bool = False,
    node: str = names.NODE,
) -> Interface:
    """Create the interface of this name, or change it. `addresses` are like `192.168.0.1/24`."""
    if not INTERFACE_NAME.fullmatch(name):
        raise ValidationError({"name": [_("An interface name has 1 to 15 letters, digits, dots, dashes.")]})
    if role not in Role.values:
        raise ValidationError({"role": [_("Choose internal, external, dmz or management.")]})
    interface = Interface.objects.filter(node=node, name=name).first()
    before = describe(interface) if interface else None
    interface = interface or Interface(node=node, name=name)
    interface.role = role
    interface.addresses = [_canonical(text) for text in addresses]
    interface.masquerade = masquerade
    interface.save()
    after = describe(interface)
    if after != before:
        record(actor=actor, verb="update" if before else "create", target=interface, before=before, after=after)
    return interface


@transaction.atomic
def delete_interface(*, actor: User | str, interface: Interface) -> None:
    record(actor=actor, verb="delete", target=interface, before=describe(interface))
    interface.delete()


def describe(interface: Interface) -> dict[str, Any]:
    return {
        "name": interface.name,
        "role": interface.role,
        "addresses": interface.addresses,
        "masquerade": interface.masquerade,
    }


def _canonical(text: str) -> str:
    try:
        return str(ipaddress.ip_interface(text.strip()))
    except ValueError as error:
        message = _("“%(text)s” is not an address with its prefix, such as 192.168.0.1/24.") % {"text": text}
        raise ValidationError({"addresses": [message]}) from error
