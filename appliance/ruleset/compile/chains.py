# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands in a revision's own chains: the automatic rules and the operator's, table by table."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from itertools import chain as chained
from typing import Final, Literal

from appliance.ruleset import notation
from appliance.ruleset.compile import layout, limits, verdicts
from appliance.ruleset.compile.matches import (
    Statements,
    activity,
    address_matches,
    interface,
    one_or_set,
    ranges,
    service_matches,
    zones,
)
from appliance.ruleset.policy import Address, Policy, Rule
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm

_DEFAULT_DENY: Final = verdicts.decide("drop", "auto:default_deny")
_TRANSLATED: Final = stm.Match(stm.Field("ct status"), "dnat")
TO_US: Final = stm.Match(stm.Field("fib daddr type"), "local")
_FAMILIES: Final[dict[int, tuple[Literal["ip", "ip6"], str]]] = {4: ("ip", "ipv4"), 6: ("ip6", "ipv6")}


def rules(policy: Policy, chains: Mapping[nft.Chain, nft.Chain]) -> Iterator[nft.Rule]:
    """`chains` are the revision's own, by the base chain that hands over to them."""
    return chained(
        _input_rules(policy, chains[layout.INPUT]),
        _forward_rules(policy, chains[layout.FORWARD]),
        _dnat_rules(policy, chains[layout.PREROUTING]),
        _snat_rules(policy, chains[layout.POSTROUTING]),
        limits.rules(policy, chains[layout.ENDED]),
    )


def _spoofed_rules(policy: Policy, chain: nft.Chain) -> Iterator[nft.Rule]:
    """From outside nobody comes with an address of an inside network (RFC 2827), whatever rules without zones allow."""
    outside = interface("iifname", policy.names_of("external"))
    held = Address("inside", tuple(map(str, _inside_networks(policy))))
    for version, (word, _family) in _FAMILIES.items() if outside else ():
        found = ranges(held, version)
        if found:
            source = stm.Match(stm.Field(f"{word} saddr"), one_or_set(found))
            yield nft.Rule(chain, (*outside, source, *verdicts.decide("drop", "auto:spoofed")), "auto:spoofed")


def _inside_networks(policy: Policy) -> Iterator[notation.Network]:
    """Those of which no part is outside as well."""
    networks = [
        (interface.role == "external", ipaddress.ip_interface(address).network)
        for interface in policy.interfaces
        for address in interface.addresses
    ]
    outside = [network for is_outside, network in networks if is_outside]
    for is_outside, network in networks:
        if not is_outside and not network.is_link_local and not any(map(network.overlaps, outside)):
            yield network


def _input_rules(policy: Policy, chain: nft.Chain) -> Iterator[nft.Rule]:
    """The way to the console stays open from the inside whatever the operator's rules say."""
    yield from _spoofed_rules(policy, chain)
    console = interface("iifname", policy.names_of("internal", "management"))
    if console and policy.console_ports:
        ports = stm.Match(stm.Field("tcp dport"), tuple(sorted(policy.console_ports)))
        yield nft.Rule(chain, (*console, ports, stm.Counter(), stm.ACCEPT), "auto:console")
    inside = interface("iifname", policy.names_of("internal", "dmz", "management"))
    if inside:
        for field in ("icmp type", "icmpv6 type"):
            echo = stm.Match(stm.Field(field), "echo-request")
            yield nft.Rule(chain, (*inside, echo, stm.Counter(), stm.ACCEPT), "auto:ping")
    yield from _filter_rules(policy, "input", chain)
    yield nft.Rule(chain, _DEFAULT_DENY, "auto:default_deny")


def _forward_rules(policy: Policy, chain: nft.Chain) -> Iterator[nft.Rule]:
    """A rule of the ALG leaves none here. What a DNAT rule has translated it has also let in."""
    yield from _spoofed_rules(policy, chain)
    yield from _filter_rules(policy, "forward", chain)
    if any(_active(policy, "dnat")):
        yield nft.Rule(chain, (_TRANSLATED, stm.Counter(), stm.ACCEPT), "auto:dnat")
    yield nft.Rule(chain, _DEFAULT_DENY, "auto:default_deny")


def _filter_rules(policy: Policy, table: str, chain: nft.Chain) -> Iterator[nft.Rule]:
    for rule in _active(policy, table):
        for _family, matches in rule_matches(policy, rule):
            yield nft.Rule(chain, (*matches, *limits.alive(policy, rule), *_ends(rule)), rule.key)


def _dnat_rules(policy: Policy, chain: nft.Chain) -> Iterator[nft.Rule]:
    """`accept` leaves the packet as it is. Without a destination a rule means what is addressed to ourselves."""
    for rule in _active(policy, "dnat"):
        where = (*(() if rule.destination else (TO_US,)), *limits.alive(policy, rule))
        for family, matches in rule_matches(policy, rule):
            if rule.action == "accept":
                yield nft.Rule(chain, (*matches, *where, stm.Counter(), stm.ACCEPT), rule.key)
                continue
            for translated, nat in translations(rule, "dnat", family):
                mark = limits.mark(rule)
                yield nft.Rule(chain, (*translated, *matches, *where, *mark, stm.Counter(), nat), rule.key)


def _snat_rules(policy: Policy, chain: nft.Chain) -> Iterator[nft.Rule]:
    for rule in _active(policy, "snat"):
        alive = limits.alive(policy, rule)
        for family, matches in rule_matches(policy, rule):
            if rule.action == "snat":
                for translated, nat in translations(rule, "snat", family):
                    yield nft.Rule(chain, (*translated, *matches, *alive, stm.Counter(), nat), rule.key)
            else:
                end = stm.Masquerade() if rule.action == "masquerade" else stm.ACCEPT
                yield nft.Rule(chain, (*matches, *alive, stm.Counter(), end), rule.key)
    yield from _masquerade_rules(policy, chain)


def translations(rule: Rule, kind: Literal["dnat", "snat"], family: int) -> Iterator[tuple[Statements, stm.Nat]]:
    """Per family that the rule and its target have in common; the first address of the target is taken."""
    for version in (family,) if family else (4, 6):
        targets = ranges(rule.target, version) if rule.target else ()
        if targets:
            word, protocol = _FAMILIES[version]
            first = notation.address_range(stm.constant(targets[0])).first
            nat = stm.Nat(kind, word, first, rule.target_port)
            yield (stm.Match(stm.Field("meta nfproto"), protocol),), nat


def _active(policy: Policy, table: str) -> Iterator[Rule]:
    return (
        rule
        for rule in policy.rules
        if rule.table == table and rule.enabled and not rule.expired and not rule.opens_alg
    )


def rule_matches(policy: Policy, rule: Rule) -> Iterator[tuple[int, Statements]]:
    """For each family that the rule's objects have (0: both at once) and each of its services; none where none can."""
    where, when = zones(policy, rule), activity(rule)
    if where is None or when is None:
        return
    for family, addresses in address_matches(rule):
        for service in service_matches(rule.service, family):
            yield family, (*where, *addresses, *service, *when)


def _ends(rule: Rule) -> Statements:
    return ends(rule, limits.mark(rule) if rule.action == "accept" else ())


def ends(rule: Rule, mark: Statements) -> Statements:
    """Mark, count, decide."""
    refuses = rule.action in ("drop", "reject")
    verdict = rule.action if refuses else "accept"
    return (*mark, *verdicts.decide(verdict, rule.key, logged=refuses or rule.log))


def _masquerade_rules(policy: Policy, chain: nft.Chain) -> Iterator[nft.Rule]:
    """IPv4 only: an IPv6 network has addresses of its own, and translating them would take away what they are for."""
    internal = Address("internal", tuple(str(network) for network in _internal_networks(policy)))
    sources = ranges(internal, 4)
    outward = tuple(each.name for each in policy.interfaces if each.masquerade)
    if sources and outward:
        match = stm.Match(stm.Field("ip saddr"), one_or_set(sources))
        yield nft.Rule(
            chain, (*interface("oifname", outward), match, stm.Counter(), stm.Masquerade()), "auto:masquerade"
        )


def _internal_networks(policy: Policy) -> Iterator[notation.Network]:
    for each in policy.interfaces:
        if each.role in ("internal", "dmz"):
            yield from (ipaddress.ip_interface(address).network for address in each.addresses)
