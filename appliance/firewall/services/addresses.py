# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to address objects: hosts, networks, ranges, DNS names, countries and groups of them, audited.

Errors are ValidationErrors that name the field.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall import queries
from appliance.firewall.models import AddressKind, AddressObject, Lookup
from appliance.firewall.services.contents import DNS_QUEUE, ask, resolve_soon
from appliance.firewall.services.uses import check_name, check_unused
from appliance.ruleset import countries, notation, resolution

Actor = User | str

DEEPEST: Final = 5
"""Groups in groups in groups …: more than that nobody understands."""
_SHOWN: Final = 60
"""Characters of what somebody wrote, in what is said to it."""


@transaction.atomic
def create_address(
    *,
    actor: Actor,
    name: str,
    kind: str,
    value: str = "",
    lookup: str = "",
    negated: bool = False,
    members: Sequence[AddressObject] = (),
) -> AddressObject:
    """`lookup` says how a DNS name is asked (empty: as it looks); `negated` means everywhere but these countries."""
    address = AddressObject(name=name.strip(), kind=kind, value=value, lookup=lookup, negated=negated)
    _check_address(address, members)
    address.save()
    address.members.set(members)
    record(actor=actor, verb="create", target=address, after=describe_address(address))
    _follow(address)
    return address


@transaction.atomic
def update_address(
    *,
    actor: Actor,
    address: AddressObject,
    name: str | None = None,
    value: str | None = None,
    lookup: str | None = None,
    negated: bool | None = None,
    members: Sequence[AddressObject] | None = None,
) -> AddressObject:
    """The kind stays: a host that becomes a group is another object."""
    before = describe_address(address)
    address.name = address.name if name is None else name.strip()
    address.value = address.value if value is None else value
    address.lookup = address.lookup if lookup is None else lookup
    address.negated = address.negated if negated is None else negated
    members = list(address.members.all()) if members is None else members
    _check_address(address, members)
    address.save()
    address.members.set(members)
    record(actor=actor, verb="update", target=address, before=before, after=describe_address(address))
    _follow(address)
    return address


@transaction.atomic
def delete_address(*, actor: Actor, address: AddressObject) -> None:
    """Refused while something uses the object; the error lists what."""
    check_unused(address, "address")
    record(actor=actor, verb="delete", target=address, before=describe_address(address))
    address.delete()


def describe_address(address: AddressObject) -> dict[str, Any]:
    members = [member.name for member in address.members.all()] if address.pk else []
    described: dict[str, Any] = {"name": address.name, "kind": address.kind, "value": address.value, "members": members}
    if address.kind == AddressKind.DNS:
        described["lookup"] = address.lookup
    if address.kind == AddressKind.COUNTRY:
        described["negated"] = address.negated
    return described


def _follow(address: AddressObject) -> None:
    """What a name holds is looked up at once; who looks up names also takes in the country data that came with us."""
    if address.kind == AddressKind.DNS:
        resolve_soon(address.lookup_key)
    if address.kind == AddressKind.COUNTRY and queries.active_country_data() is None:
        transaction.on_commit(lambda: ask("refresh_names", DNS_QUEUE))


# --- What is right, by kind ---


def _check_address(address: AddressObject, members: Sequence[AddressObject]) -> None:
    check_name(address)
    check = _CHECKS.get(address.kind)
    if check is None:
        raise ValidationError({"kind": [_("Choose host, network, range, dns, country or group.")]})
    if address.kind != AddressKind.GROUP and members:
        raise ValidationError({"members": [_("Only a group has members.")]})
    if address.kind != AddressKind.DNS and address.lookup:
        raise ValidationError({"lookup": [_("Only a DNS name is looked up.")]})
    if address.kind != AddressKind.COUNTRY and address.negated:
        raise ValidationError({"negated": [_("Only countries can be excluded.")]})
    check(address, members)


def _check_fixed(address: AddressObject, _members: Sequence[AddressObject]) -> None:
    try:
        address.value = notation.canonical_address(cast(notation.Kind, address.kind), address.value)
    except ValueError as error:
        example = {"host": "192.168.0.2", "network": "192.168.0.0/24", "range": "192.168.0.10-192.168.0.12"}
        message = _("“%(value)s” is not a %(kind)s. Write it like %(example)s; IPv6 works as well.")
        fields = {"value": address.value, "kind": _(address.kind), "example": example[address.kind]}
        raise ValidationError({"value": [message % fields]}) from error


def _check_dns(address: AddressObject, _members: Sequence[AddressObject]) -> None:
    address.lookup = address.lookup or (Lookup.SRV if address.value.strip().startswith("_") else Lookup.ADDRESS)
    if address.lookup not in Lookup.values:
        raise ValidationError({"lookup": [_("Choose address, srv or naptr.")]})
    kind = cast(resolution.Kind, str(address.lookup))
    try:
        address.value = resolution.canonical_name(kind, address.value)
    except ValueError as error:
        message = _("“%(value)s” is not a name for this lookup. Write it like %(example)s.")
        example = "_sip._udp.example.net" if kind == "srv" else "sip.example.net"
        raise ValidationError({"value": [message % {"value": address.value, "example": example}]}) from error


def _check_country(address: AddressObject, _members: Sequence[AddressObject]) -> None:
    try:
        address.value = countries.canonical(address.value)
    except countries.UnknownCountry as error:
        raise ValidationError({"value": [_no_country(error)]}) from error
    if not address.value:
        raise ValidationError({"value": [_("Choose at least one country.")]})


def _no_country(error: countries.UnknownCountry) -> str:
    """With the names that are nearest to what was written, in the reader's language."""
    word = error.word[:_SHOWN]
    if error.nearest:
        near = ", ".join(f"{countries.name(code, get_language())} ({code})" for code in error.nearest)
        return _("“%(word)s” is no country. Nearest: %(near)s.") % {"word": word, "near": near}
    return _("“%s” is no country. Write names or codes, like Germany or DE, or DACH, EU, EFTA.") % word


def _check_group(address: AddressObject, members: Sequence[AddressObject]) -> None:
    address.value = ""
    if not members:
        raise ValidationError({"members": [_("An empty group would match nothing. Choose its addresses.")]})
    for member in members:
        if address.pk and _holds(member, address.pk, DEEPEST):
            message = _("“%s” holds this group: a group cannot be in itself.") % member.name
            raise ValidationError({"members": [message]})
        if _deeper(member, DEEPEST - 1):
            raise ValidationError({"members": [_("“%s” is nested too deeply.") % member.name]})
        if any(part.negated for part in queries.parts(member)):
            message = _("“%s” means everywhere else: it cannot be in a group.") % member.name
            raise ValidationError({"members": [message]})


_CHECKS: Final[dict[str, Callable[[AddressObject, Sequence[AddressObject]], None]]] = {
    AddressKind.HOST: _check_fixed,
    AddressKind.NETWORK: _check_fixed,
    AddressKind.RANGE: _check_fixed,
    AddressKind.DNS: _check_dns,
    AddressKind.COUNTRY: _check_country,
    AddressKind.GROUP: _check_group,
}


def _holds(member: AddressObject, key: int, depth: int) -> bool:
    return member.pk == key or (depth > 0 and any(_holds(each, key, depth - 1) for each in member.members.all()))


def _deeper(member: AddressObject, depth: int) -> bool:
    groups = [each for each in member.members.all() if each.kind == AddressKind.GROUP]
    return bool(groups) and (depth <= 0 or any(_deeper(each, depth - 1) for each in groups))
