# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to interfaces."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.network import queries
from appliance.network.models import Found, Interface, Role
from sipalg_core.contract import names

INTERFACE_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,15}")  # IFNAMSIZ - 1


ADDRESSES_CHANGED: Final = "addresses changed"
"""What the audit trail calls it when the kernel has others."""


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


def adopt_interface(
    *, actor: User | str, name: str, role: str, masquerade: bool = False, node: str = names.NODE
) -> Interface:  # fmt: skip
    """Take an interface that the kernel has into the configuration, with its addresses as they are found."""
    links = {link["name"]: link for link in queries.live_links(node)}
    if name not in links:
        raise ValidationError({"name": [_("The kernel has no interface “%s” now.") % name]})
    addresses = [held["address"] for held in links[name]["held"] if held["usable"]]
    return save_interface(
        actor=actor, name=name, role=role, addresses=addresses, masquerade=masquerade, node=node
    )  # fmt: skip


@transaction.atomic
def record_found(*, found: Mapping[str, Sequence[str]], node: str = names.NODE) -> dict[str, list[str]]:
    """netadmin reports the kernel's addresses; those that are gone, by interface where anything is another."""
    known = {each.name: each for each in Found.objects.filter(node=node)}
    gone: dict[str, list[str]] = {}
    for name, addresses in found.items():
        row = known.get(name) or Found(node=node, name=name)
        if row.pk is not None and row.addresses == list(addresses):
            continue
        before, row.addresses = row.addresses, list(addresses)
        first = row.pk is None
        row.save()
        gone[name] = [each for each in before if each not in row.addresses]
        if not first:
            after = {"addresses": row.addresses}
            record(actor="netadmin", verb=ADDRESSES_CHANGED, target=row, before={"addresses": before}, after=after)
    return gone


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
