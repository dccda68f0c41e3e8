# SPDX-License-Identifier: GPL-2.0-or-later
"""Policy to one nftables transaction for `inet appliance`, and to the ALG's policy. Pure, total and deterministic.

Base chains are immortal (ARCHITECTURE.md, "Two tables"): the transaction flushes and refills them; a revision's own
chains stand beside the previous revision's until the base chain has jumped over, and then those go.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Final

from appliance.ruleset import notation
from appliance.ruleset.policy import Address, Policy, Rule, Service
from sipalg_core.contract import names
from sipalg_core.contract import policy as alg
from sipalg_core.net import Side
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm

TABLE: Final = nft.Table(names.APPLIANCE_TABLE)
INPUT: Final = nft.Chain(TABLE, "input_policy", nft.Hook("filter", "input", 0, "drop"))
FORWARD: Final = nft.Chain(TABLE, "forward_policy", nft.Hook("filter", "forward", 0, "drop"))
POSTROUTING: Final = nft.Chain(TABLE, "postrouting_policy", nft.Hook("nat", "postrouting", 100))
BASE_CHAINS: Final = (INPUT, FORWARD, POSTROUTING)

_VOUCHED: Final = stm.Match(stm.Masked(stm.Field("meta mark"), names.MARK_ACCEPT), names.MARK_ACCEPT)
_KNOWN_FLOW: Final = stm.Match(stm.Field("ct state"), ("established", "related"))
_INVALID: Final = stm.Match(stm.Field("ct state"), "invalid")
_NEIGHBOUR_DISCOVERY: Final = (
    "nd-neighbor-solicit", "nd-neighbor-advert", "nd-router-solicit", "nd-router-advert",
    "mld-listener-query", "packet-too-big", "time-exceeded", "parameter-problem", "destination-unreachable",
)  # fmt: skip
"""RFC 4890 §4.4: without these IPv6 does not work on the link."""

_SIDES: Final = {"internal": Side.INTERNAL, "dmz": Side.INTERNAL, "external": Side.EXTERNAL}

Statements = tuple[stm.Statement, ...]


def compile_nft(policy: Policy, stale_chains: Iterable[str] = ()) -> nft.Transaction:
    """`stale_chains` are the names of all chains that the table holds now; earlier revisions' are deleted."""
    input_chain, forward, postrouting = (_revision_chain(base, policy.revision) for base in BASE_CHAINS)
    revision = (input_chain, forward, postrouting)
    kept = {each.name for each in (*BASE_CHAINS, *revision)}
    stale = [nft.Chain(TABLE, name) for name in sorted(set(stale_chains) - kept)]
    rules = chain(
        _input_rules(policy, input_chain),
        _forward_rules(policy, forward),
        _masquerade_rules(policy, postrouting),
        _base_rules(input_chain, forward, postrouting),
    )
    return (
        nft.Add(TABLE),
        *map(nft.Add, (*BASE_CHAINS, *revision)),
        *map(nft.Flush, (*BASE_CHAINS, *revision, *stale)),
        *map(nft.Add, rules),
        *map(nft.Delete, stale),
    )


def compile_alg(policy: Policy) -> alg.AlgPolicy:
    peerings = tuple(_peerings(policy))
    return alg.AlgPolicy(
        revision=policy.revision,
        enabled=bool(peerings),
        interfaces=tuple(_alg_interfaces(policy)),
        peerings=peerings,
    )


# --- inet appliance ---


def _revision_chain(base: nft.Chain, revision: int) -> nft.Chain:
    return nft.Chain(TABLE, f"{base.name.removesuffix('_policy')}_r{revision}")


def _base_rules(input_chain: nft.Chain, forward: nft.Chain, postrouting: nft.Chain) -> Iterator[nft.Rule]:
    """What no revision changes: the ALG's word, known flows, and IPv6's own needs."""
    yield nft.Rule(INPUT, (stm.Match(stm.Field("iifname"), stm.Interface("lo")), stm.ACCEPT))
    for base, revision in ((INPUT, input_chain), (FORWARD, forward)):
        yield nft.Rule(base, (_VOUCHED, stm.ACCEPT), "auto:alg")
        yield nft.Rule(base, (_KNOWN_FLOW, stm.ACCEPT), "auto:known_flow")
        yield nft.Rule(base, (_INVALID, stm.Counter(), stm.DROP), "auto:invalid")
        if base is INPUT:
            discovery = stm.Match(stm.Field("icmpv6 type"), _NEIGHBOUR_DISCOVERY)
            yield nft.Rule(base, (discovery, stm.ACCEPT), "auto:neighbour_discovery")
        yield nft.Rule(base, (stm.jump(revision.name),))
        yield nft.Rule(base, (stm.Counter(), stm.DROP), "auto:default_deny")
    yield nft.Rule(POSTROUTING, (stm.jump(postrouting.name),))


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


# --- The ALG ---


def _peerings(policy: Policy) -> Iterator[alg.Peering]:
    """A rule with an open end gives none: verify has refused it, and here the safe reading is no permission."""
    providers = {provider.signalling: provider for provider in policy.providers}
    for rule in policy.rules:
        if not rule.opens_alg or rule.source is None or rule.destination is None or rule.service is None:
            continue
        provider = providers.get(rule.destination.name)
        yield alg.Peering(
            rule=rule.key,
            name=provider.name if provider else rule.destination.name,
            internal=_networks(rule.source),
            external=_networks(rule.destination),
            media=_networks(provider.media) if provider and provider.media else (),
            ports=tuple(
                port
                for span in notation.merged_ports(notation.port_ranges(rule.service.ports))
                for port in range(span.first, span.last + 1)
            ),
            symmetric_media=provider is not None and provider.symmetric_media,
        )


def _networks(address: Address) -> tuple[alg.Network, ...]:
    spans = notation.merged(notation.address_range(value) for value in address.values)
    return tuple(network for span in spans for network in notation.networks(f"{span.first}-{span.last}"))


def _alg_interfaces(policy: Policy) -> Iterator[alg.Interface]:
    for interface in policy.interfaces:
        if interface.role in _SIDES:
            addresses = [ipaddress.ip_interface(address) for address in interface.addresses]
            yield alg.Interface(
                name=interface.name,
                side=_SIDES[interface.role],
                addresses=tuple(str(address.ip) for address in addresses),
                networks=tuple(address.network for address in addresses),
            )


def _internal_networks(policy: Policy) -> Iterator[alg.Network]:
    for interface in policy.interfaces:
        if interface.role in ("internal", "dmz"):
            yield from (ipaddress.ip_interface(address).network for address in interface.addresses)
