# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects that move as named sets of `inet appliance`: their definitions, and how a rule asks them. No contents.

Ranges are written as a concatenation (`ipv4_addr . inet_proto`, elements `a-b . 0-255`): beside a large plain interval
set every libnftables command on any element of any table takes 150 ms (nft 1.0.6, 1.1.3).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from appliance.ruleset.activations import deciding_rules
from appliance.ruleset.compile.layout import TABLE
from appliance.ruleset.policy import Address, Policy, Rule
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm

_TYPES: Final = {4: ("ip", "ipv4_addr"), 6: ("ip6", "ipv6_addr")}
"""What a set's name ends with, and its type."""


def moving(policy: Policy) -> dict[str, Address]:
    """By name of the set, those that the filter's and NAT's rules ask; the ALG takes its addresses by other ways."""
    asked = (
        address
        for rule in deciding_rules(policy)
        if rule.enabled and not rule.opens_alg and rule.activity != () and _has_place(policy, rule)
        for address in (rule.source, rule.destination)
    )
    return {address.set: address for address in asked if address is not None and address.moves}


def _has_place(policy: Policy, rule: Rule) -> bool:
    """Whether there is an interface in each of its zones: without, it leaves no rule in the kernel."""
    return all(policy.names_of(role) for role in (rule.from_zone, rule.to_zone) if role)


def sets(policy: Policy) -> Iterator[nft.Set]:
    for _, address in sorted(moving(policy).items()):
        for version in _TYPES:
            yield named_set(address.set, version, generation=address.generation, ranged=address.ranged)


def named_set(name: str, version: int, *, generation: str, ranged: bool) -> nft.Set:
    suffix, kind = _TYPES[version]
    whole = "_".join(filter(None, (name, generation, suffix)))
    return (
        nft.Set(TABLE, whole, (kind, "inet_proto"), flags=("interval",)) if ranged else nft.Set(TABLE, whole, (kind,))
    )


def match(address: Address, version: int, field: str) -> stm.Match:
    """`field` is `ip saddr` and the like."""
    asked = stm.selector(field, "meta l4proto") if address.ranged else stm.Field(field)
    named = named_set(address.set, version, generation=address.generation, ranged=address.ranged)
    return stm.Match(asked, stm.Named(named.name), "!=" if address.negated else "==")
