# SPDX-License-Identifier: GPL-2.0-or-later
"""Between which zones a rule can decide: those that it names, else those in which its addresses can be.

Routes are no part of a policy. A private address on no interface's network may be behind a router on any side; any
other one is outside, as decide has it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from appliance.ruleset.notation import AddressRange, address_range
from appliance.ruleset.policy import Address, Interface, Policy, Rule

PRIVATE: Final = tuple(
    address_range(each)
    for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
)
"""RFC 1918, RFC 3927, RFC 4193, RFC 4291 §2.5.6: what nobody routes over the Internet."""


class Between(NamedTuple):
    """Roles of interfaces. `targets` is empty where it is about packets to this device."""

    sources: frozenset[str]
    targets: frozenset[str]


class Sides:
    """By the interfaces of a policy; what was asked once is known."""

    def __init__(self, interfaces: Iterable[Interface]) -> None:
        interfaces = tuple(interfaces)
        self._all = frozenset[str](each.role for each in interfaces)
        self._near = [(each.role, _network(address)) for each in interfaces for address in each.addresses]
        self._known: dict[str, frozenset[str]] = {}

    def between(self, rule: Rule) -> Between:
        sources = frozenset({rule.from_zone}) if rule.from_zone else self._of(rule.source)
        if rule.opens_alg:
            sources &= {"internal", "dmz"}  # from nowhere else does anybody reach the ALG by it
        if rule.table == "input":
            return Between(sources, frozenset())
        if rule.table == "dnat":
            return Between(sources, self._of(rule.target))
        return Between(sources, frozenset({rule.to_zone}) if rule.to_zone else self._of(rule.destination))

    def _of(self, address: Address | None) -> frozenset[str]:
        if address is None or address.negated:
            return self._all
        # A name's answer that leads inside is refused, so what moves is outside.
        moving = self._all & {"external"} if address.moves else frozenset[str]()
        return moving.union(*map(self._of_value, address.values))

    def _of_value(self, value: str) -> frozenset[str]:
        if value not in self._known:
            self._known[value] = frozenset(self._found(address_range(value)))
        return self._known[value]

    def _found(self, span: AddressRange) -> Iterator[str]:
        near = [(role, network) for role, network in self._near if _meet(span, network)]
        yield from (role for role, _network in near)
        if _within(span, [network for _role, network in near]):
            return
        if _within(span, PRIVATE):
            yield from self._all
        elif "external" in self._all:
            yield "external"


def between_all(policy: Policy) -> dict[int, Between]:
    """By the id of the rule."""
    sides = Sides(policy.interfaces)
    return {rule.id: sides.between(rule) for rule in policy.rules}


def _network(address: str) -> AddressRange:
    return address_range(str(ipaddress.ip_interface(address).network))


def _meet(one: AddressRange, other: AddressRange) -> bool:
    return (
        one.first.version == other.first.version
        and int(one.first) <= int(other.last)
        and int(other.first) <= int(one.last)
    )


def _within(span: AddressRange, others: Iterable[AddressRange]) -> bool:
    """Whether all of it lies in the others taken together."""
    missing = int(span.first)
    for other in sorted((each for each in others if _meet(span, each)), key=lambda each: int(each.first)):
        if int(other.first) > missing:
            return False
        missing = max(missing, int(other.last) + 1)
    return missing > int(span.last)
