# SPDX-License-Identifier: GPL-2.0-or-later
"""A revision's chains of the hooks input, forward and postrouting: the automatic rules and the operator's."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from itertools import chain as chained
from typing import Final

from appliance.ruleset import notation
from appliance.ruleset.policy import Address, Policy, Rule, Service
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm

Statements = tuple[stm.Statement, ...]

_DEFAULT_DENY: Final = (stm.Counter(), stm.DROP)


def rules(policy: Policy, input_chain: nft.Chain, forward: nft.Chain, postrouting: nft.Chain) -> Iterator[nft.Rule]:
    return chained(
        _input_rules(policy, input_chain),
        _forward_rules(policy, forward),
        _masquerade_rules(policy, postrouting),
        (nft.Rule(chain, _DEFAULT_DENY, "auto:default_deny") for chain in (input_chain, forward)),
    )


def _input_rules(policy: Policy, chain: nft.Chain) -> Iterator[nft.Rule]:
    """The way to the console stays open from the inside whatever the operator's rules say."""
    console = _interface("iifname", policy.names_of("internal", "management"))
    if console and policy.console_ports:
        ports = stm.Match(stm.Field("tcp dport"), tuple(sorted(policy.console_ports)))
        yield nft.Rule(chain, (*console, ports, stm.Counter(), stm.ACCEPT), "auto:console")
    inside = _interface("iifname", policy.names_of("internal", "dmz", "management"))
    if inside:
        for field in ("icmp type", "icmpv6 type"):
            echo = stm.Match(stm.Field(field), "echo-request")
            yield nft.Rule(chain, (*inside, echo, stm.Counter(), stm.ACCEPT), "auto:ping")


def _forward_rules(policy: Policy, chain: nft.Chain) -> Iterator[nft.Rule]:
    """One kernel rule per family that the objects have; a rule of the ALG leaves none here."""
    for rule in policy.rules:
        if not rule.enabled or rule.opens_alg:
            continue
        zones = _zones(policy, rule)
        if zones is None:
            continue
        for family, addresses in _address_matches(rule):
            yield nft.Rule(chain, (*zones, *addresses, *_service_matches(rule.service, family), *_ends(rule)), rule.key)


def _ends(rule: Rule) -> Statements:
    log = (stm.Log(rule.key),) if rule.log else ()
    verdict = {"accept": stm.ACCEPT, "drop": stm.DROP, "reject": stm.Reject()}[rule.action]
    return (*log, stm.Counter(), verdict)


def _masquerade_rules(policy: Policy, chain: nft.Chain) -> Iterator[nft.Rule]:
    """IPv4 only: an IPv6 network has addresses of its own, and translating them would take away what they are for."""
    internal = Address("internal", tuple(str(network) for network in _internal_networks(policy)))
    sources = _ranges(internal, 4)
    outward = [interface.name for interface in policy.interfaces if interface.masquerade]
    if sources and outward:
        match = stm.Match(stm.Field("ip saddr"), sources[0] if len(sources) == 1 else sources)
        yield nft.Rule(
            chain, (*_interface("oifname", tuple(outward)), match, stm.Counter(), stm.Masquerade()), "auto:masquerade"
        )


def _zones(policy: Policy, rule: Rule) -> Statements | None:
    """None where a zone has no interface: nothing can match then."""
    matches: list[stm.Statement] = []
    for field, role in (("iifname", rule.from_zone), ("oifname", rule.to_zone)):
        if role:
            interfaces = policy.names_of(role)
            if not interfaces:
                return None
            matches += _interface(field, interfaces)
    return tuple(matches)


def _interface(field: str, interfaces: tuple[str, ...]) -> Statements:
    named = tuple(stm.Interface(name) for name in sorted(interfaces))
    return (stm.Match(stm.Field(field), named[0] if len(named) == 1 else named),) if named else ()


def _address_matches(rule: Rule) -> Iterator[tuple[int, Statements]]:
    """Per address family; family 0 stands for both at once where no object restricts it."""
    ends = [(rule.source, "saddr"), (rule.destination, "daddr")]
    if rule.source is None and rule.destination is None:
        yield 0, ()
        return
    for version, word in ((4, "ip"), (6, "ip6")):
        ranges = [(_ranges(address, version), field) for address, field in ends if address is not None]
        if all(found for found, _ in ranges):
            yield (
                version,
                tuple(
                    stm.Match(stm.Field(f"{word} {field}"), found[0] if len(found) == 1 else found)
                    for found, field in ranges
                ),
            )


def _service_matches(service: Service | None, family: int) -> Statements:
    if service is None or service.protocol == "any":
        return ()
    protocol = stm.Field("meta l4proto")
    if service.protocol == "icmp":
        words = {4: ("icmp",), 6: ("ipv6-icmp",)}.get(family, ("icmp", "ipv6-icmp"))
        return (stm.Match(protocol, words[0] if len(words) == 1 else words),)
    ports = tuple(_constant(each) for each in notation.merged_ports(notation.port_ranges(service.ports)))
    transports = ("tcp", "udp") if service.protocol == "both" else (service.protocol,)
    restriction = stm.Match(protocol, transports[0] if len(transports) == 1 else transports)
    if not ports:
        return (restriction,)
    return (restriction, stm.Match(stm.Field("th dport"), ports[0] if len(ports) == 1 else ports))


def _ranges(address: Address, version: int) -> tuple[stm.Constant, ...]:
    """The object's values of one family without overlaps: nft refuses a set whose intervals touch twice."""
    found = (notation.address_range(value) for value in address.values)
    return tuple(_constant(each) for each in notation.merged(each for each in found if each.first.version == version))


def _constant(span: notation.AddressRange | notation.Ports) -> stm.Constant:
    if isinstance(span, notation.Ports):
        return span.first if span.first == span.last else stm.Range(span.first, span.last)
    networks = notation.networks(f"{span.first}-{span.last}")
    return networks[0] if len(networks) == 1 else stm.Range(span.first, span.last)


def _internal_networks(policy: Policy) -> Iterator[notation.Network]:
    for interface in policy.interfaces:
        if interface.role in ("internal", "dmz"):
            yield from (ipaddress.ip_interface(address).network for address in interface.addresses)
