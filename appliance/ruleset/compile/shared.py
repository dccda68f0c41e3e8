# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists that several rules of a transaction look into, as one named set each. What is shown, compared and kept for the
boot is not written so.

An anonymous set for each of a thousand rules is dear: the kernel finds the name of each by reading those of all others,
and looks through all of them for each rule that asks one. A set is named by a digest of what it holds, so that none is
ever changed, and two revisions may ask one.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Iterator
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from appliance.ruleset.compile.verdicts import TABLE
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm

PREFIX: Final = "l_"

_TYPES: Final = {
    "iifname": "ifname",
    "oifname": "ifname",
    "ip saddr": "ipv4_addr",
    "ip daddr": "ipv4_addr",
    "ip6 saddr": "ipv6_addr",
    "ip6 daddr": "ipv6_addr",
    "meta l4proto": "inet_proto",
    "th dport": "inet_service",
    "tcp dport": "inet_service",
}
"""Of the fields whose lists are shared."""

_Listed = tuple[str, tuple[stm.Constant, ...]]
"""A type, and the values."""


def share(transaction: nft.Transaction, present: Container[str] = ()) -> nft.Transaction:
    """The same with named sets where two rules ask one list; those `present` in the table are not made again."""
    rules = [each.what for each in transaction if isinstance(each, nft.Add) and isinstance(each.what, nft.Rule)]
    times = Counter(found for rule in rules for found in set(_lists(rule)))
    sets = {found: _set(*found) for found, count in times.items() if count > 1}
    if not sets:
        return transaction
    first = next(
        at for at, each in enumerate(transaction) if isinstance(each, nft.Add) and isinstance(each.what, nft.Rule)
    )
    made = (nft.Add(each) for each in sets.values() if each.name not in present)
    return (*transaction[:first], *made, *(_asking(each, sets) for each in transaction[first:]))


def _asking(command: nft.Command, sets: dict[_Listed, nft.Set]) -> nft.Command:
    if not (isinstance(command, nft.Add) and isinstance(command.what, nft.Rule)):
        return command
    if sets.keys().isdisjoint(_lists(command.what)):
        return command
    statements = tuple(
        replace(each, right=stm.Named(sets[found].name))
        if isinstance(each, stm.Match) and (found := _listed(each)) in sets
        else each
        for each in command.what.statements
    )
    return nft.Add(replace(command.what, statements=statements))


def _lists(rule: nft.Rule) -> Iterator[_Listed]:
    found = (_listed(each) for each in rule.statements if isinstance(each, stm.Match))
    return (each for each in found if each is not None)


def _listed(match: stm.Match) -> _Listed | None:
    if type(match.right) is not tuple or not isinstance(match.left, stm.Field):
        return None
    kind = _TYPES.get(match.left.words)
    if kind is None or any(isinstance(each, stm.Interface) and each.endswith("*") for each in match.right):
        return None
    return kind, match.right


def _set(kind: str, values: tuple[stm.Constant, ...]) -> nft.Set:
    digest = hashlib.sha256(f"{kind} {stm.listed(map(stm.constant, values))}".encode()).hexdigest()
    name = f"{PREFIX}{digest[:16]}"
    if any(map(_wide, values)):
        return nft.Set(TABLE, name, (kind,), flags=("interval",), values=values)
    return nft.Set(TABLE, name, (kind,), size=len(values), values=values)


def _wide(value: stm.Constant) -> bool:
    if isinstance(value, (IPv4Network, IPv6Network)):
        return value.prefixlen < value.max_prefixlen
    return isinstance(value, stm.Range)
