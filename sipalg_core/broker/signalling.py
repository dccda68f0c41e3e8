# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may signal with whom, and at which ports: the policy's peerings as set elements that do not overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from ipaddress import collapse_addresses, ip_address
from typing import Any, NamedTuple

from sipalg_core.contract.control import SIP_PORT, SIPS_PORT, peer_ports
from sipalg_core.contract.policy import AlgPolicy, Network, Peering, PortRange
from sipalg_core.net import Side
from sipalg_core.nft.statements import Constant, Range

Key = tuple[Constant, ...]


Ending = tuple[Key, float | None]
"""An element, and until when (Unix seconds)."""


class Lasting(NamedTuple):
    """A network, and until when (Unix seconds; None without end)."""

    network: Any
    until: float | None


def lasting(networks: Iterable[Lasting]) -> Iterator[Lasting]:
    """Without overlaps; each part as long as the longest that covers it."""
    wanted = list(networks)
    if all(each.until is None for each in wanted):
        yield from (Lasting(each, None) for each in collapse_addresses([each.network for each in wanted]))
        return
    by_end: dict[float | None, list[Any]] = {}
    for part in disjoint([each.network for each in wanted]):
        by_end.setdefault(latest(each.until for each in wanted if covers(each.network, part)), []).append(part)
    for until, parts in by_end.items():
        yield from (Lasting(each, until) for each in collapse_addresses(parts))


def latest(ends: Iterable[float | None]) -> float | None:
    """None, without end, is the latest."""
    known = list(ends)
    return None if None in known else max(each for each in known if each is not None)


def signalling_ports(policy: AlgPolicy) -> list[PortRange]:
    """Ports of our own address on which the engine may listen."""
    own = policy.signalling_ports
    return [*(PortRange(port, port) for port in sorted(peer_ports(policy)) if not own.first <= port <= own.last), own]


def peers(policy: AlgPolicy, version: int) -> Iterator[Ending]:
    """Internal host, provider, port."""
    for network, external, port, until in _between(_enabled(policy), version, lambda peering: peering.ports):
        yield (network, external, port), until


def pairs(policy: AlgPolicy, version: int) -> Iterator[Ending]:
    """Internal host, provider."""
    for network, external, _, until in _between(_enabled(policy), version, lambda _: (0,)):
        yield (network, external), until


def routed(policy: AlgPolicy, version: int, *, inside: bool) -> Iterator[Ending]:
    """Provider, internal host that keeps its own address, port; of providers behind an internal interface or not.

    The ports are those that everybody knows; a telephone that signals from another has a socket of its own there.
    """
    peerings = _routed(policy, version, inside=inside)
    for network, external, port, until in _between(peerings, version, lambda peering: (*peering.ports, SIP_PORT)):
        yield (external, network, port), until


def routed_pairs(policy: AlgPolicy, version: int, *, inside: bool) -> Iterator[Ending]:
    """Provider, internal host that keeps its own address."""
    for network, external, _, until in _between(_routed(policy, version, inside=inside), version, lambda _: (0,)):
        yield (external, network), until


def _enabled(policy: AlgPolicy) -> tuple[Peering, ...]:
    return policy.peerings if policy.enabled else ()


def _routed(policy: AlgPolicy, version: int, *, inside: bool) -> tuple[Peering, ...]:
    any_host = "0.0.0.0" if version == 4 else "::"  # noqa: S104  # of that family; nothing is bound to it
    there = (
        replace(peering, external=tuple(each for each in peering.external if policy.is_inside(each) is inside))
        for peering in _enabled(policy)
        if not peering.translates(any_host)
    )
    return tuple(peering for peering in there if peering.external)


def _between(
    peerings: tuple[Peering, ...], version: int, ports: Callable[[Peering], tuple[int, ...]]
) -> Iterator[tuple[Any, Any, int, float | None]]:
    """With the end. No two elements overlap: the kernel refuses an interval whose ends lie in another one."""
    for external in disjoint(of_version((each for peering in peerings for each in peering.external), version)):
        there = [peering for peering in peerings if any(covers(each, external) for each in peering.external)]
        for port in sorted({port for peering in there for port in ports(peering)} - {SIPS_PORT}):
            internal = (
                Lasting(network, each.until)
                for each in there
                if port in ports(each)
                for network in of_version(each.internal, version)
            )
            for network, until in lasting(internal):
                yield network, external, port, until


def providers(policy: AlgPolicy, version: int) -> Iterator[Ending]:
    """With its end."""
    peerings = policy.peerings if policy.enabled else ()
    interfaces = (each for each in policy.interfaces if each.side is Side.EXTERNAL)
    own = sorted({ip_address(address) for each in interfaces for address in each.addresses}, key=str)
    outside = (
        Lasting(network, each.until)
        for each in peerings
        for network in of_version(each.external, version)
        if not policy.is_inside(network)
    )
    for network, until in lasting(outside):
        for address in own:
            for ports in signalling_ports(policy):
                if address.version == version:
                    yield (network, address, Range(ports.first, ports.last)), until
    yield from routed(policy, version, inside=False)


def known(policy: AlgPolicy, version: int) -> Iterator[tuple[Constant, ...]]:
    """Hosts that are allowed by their own address and not as a part of a network."""
    peerings = policy.peerings if policy.enabled else ()
    networks = {each for peering in peerings for each in (*peering.internal, *peering.external)}
    for network in sorted(of_version(networks, version)):
        if network.prefixlen == network.max_prefixlen:
            yield (network.network_address,)


def media_sources(policy: AlgPolicy, version: int) -> Iterator[tuple[Constant, ...]]:
    """Networks from which media is learnt (alg.learning)."""
    for network in collapsed((each for peering in _enabled(policy) for each in peering.learns_from), version):
        yield (network,)


def taken(policy: AlgPolicy) -> list[Any]:
    """All that decides what is intercepted, for comparison; but exemptions, whose connections are closed one by one."""
    return [list(each(policy, version)) for each in (peers, providers) for version in (4, 6)]


def exempt(
    policy: AlgPolicy, version: int, now: float
) -> Iterator[tuple[tuple[tuple[Constant, ...], ...], float | None]]:
    """Servers that are exempt, without overlaps, each with the seconds that are left; None where there is no end."""
    live = [each for each in policy.exemptions if each.until is None or each.until > now]
    for network in disjoint(of_version((each for exemption in live for each in exemption.networks), version)):
        ends = [each.until for each in live if any(covers(one, network) for one in each.networks)]
        known = [end for end in ends if end is not None]
        yield ((network,),), max(known) - now if len(known) == len(ends) else None


def collapsed(networks: Iterable[Network], version: int) -> tuple[Network, ...]:
    """Those of one family, as few as say the same: the intervals of an anonymous set must not overlap either."""
    return tuple(collapse_addresses(of_version(networks, version)))


def of_version(networks: Iterable[Network], version: int) -> list[Any]:
    """`ipaddress` has no type for a list of networks that are all of one family."""
    return [network for network in networks if network.version == version]


def covers(network: Network, part: Network) -> bool:
    return network.version == part.version and part.network_address in network and part.prefixlen >= network.prefixlen


def disjoint(networks: list[Any]) -> list[Any]:
    """The same addresses in networks that do not overlap; each is covered by all networks that cover a part of it."""
    parts: list[Any] = []
    for network in sorted(set(networks), key=lambda each: (-each.prefixlen, each)):  # the most specific ones first
        rest = [network]
        for part in parts:
            rest = [piece for each in rest for piece in (each.address_exclude(part) if covers(each, part) else (each,))]
        parts += rest
    return sorted(parts)
