# SPDX-License-Identifier: GPL-2.0-or-later
"""The pinhole contract, checked a second time by the process that holds the capability: the engine is not believed.

Rule numbers are those of the contract P1-P12; P1, P7 and P10-P12 speak of SIP, which this process does not know.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

from sipalg_core.broker.layout import MAXIMUM_PINHOLES, family_of
from sipalg_core.broker.signalling import signalling_ports
from sipalg_core.contract.control import Pinhole
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Endpoint, Side

# --- Specification ---

_IPV4_IN_IPV6: Final = tuple(  # they would smuggle an IPv4 address past the checks of IPv4 addresses
    IPv6Network(each) for each in ("::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)  # RFC 4291 §2.5.5, RFC 6052, RFC 8215, RFC 3056, RFC 4380

# --- Implementation constants ---

REMEMBERED: Final = 4096  # hosts
NOT_MEDIA: Final = frozenset({1900, 3389, 5060, 5061, 5353, 11211})
"""Services that a forged session description likes to name: SSDP, RDP, SIP, mDNS, memcached."""
LOWEST_MEDIA_PORT: Final = 1024
LONGEST_LIFETIME: Final = 432_000.0  # seconds; the longest call that a policy can allow
MAXIMUM_PER_INTERNAL_HOST: Final = MAXIMUM_PINHOLES // 2
"""A PBX has all calls; one infected PC must not be able to take all pinholes either."""


class Guard:
    """What one policy allows. 0 means allowed, any other number names the rule that does not."""

    def __init__(self, policy: AlgPolicy) -> None:
        self._peers = tuple(
            network for peering in policy.peerings for network in (*peering.internal, *peering.media_hosts)
        )
        internal = [each for each in policy.interfaces if each.side is Side.INTERNAL]
        external = [each for each in policy.interfaces if each.side is Side.EXTERNAL]
        self._known = frozenset(
            network.network_address
            for peering in policy.peerings
            for network in (*peering.internal, *peering.external)
            if network.prefixlen == network.max_prefixlen
        )
        self._providers = tuple(network for peering in policy.peerings for network in peering.external)
        self._own = {ip_address(address) for each in policy.interfaces for address in each.addresses}
        self._mapped = {address for each in external for address in each.addresses}
        self._routed = tuple(peering for peering in policy.peerings if peering.translate != "all")
        self._inside = [network for each in internal for network in each.networks]
        self._inside += [network for network in self._peers if network.prefixlen]  # "any" is no network of ours
        self._learning = tuple(peering for peering in policy.peerings if peering.learns_from)
        self._media_ports = policy.media_ports
        self._signalling_ports = signalling_ports(policy) if policy.enabled else []
        self._enabled = policy.enabled
        # A call's pinholes are of the same few hosts.
        self._is_peer = lru_cache(REMEMBERED)(lambda host: any(ip_address(host) in network for network in self._peers))
        self._is_foreign_host = lru_cache(REMEMBERED)(lambda host: self._is_foreign(ip_address(host)))

    def check(self, pinhole: Pinhole, opened: int, opened_by_host: int, *, translated: bool = False) -> int:
        """`opened` and `opened_by_host` count the pinholes there are, all and of this internal host. `translated`: the
        kernel translates these two endpoints already, so another range of ports is no reason to end that call."""
        internal, mapped, external = pinhole.internal, pinhole.mapped, pinhole.external
        families = {family_of(each.host) for each in (internal, mapped, external)}
        checks = (
            (2, self._enabled and self._is_peer(internal.host)),
            (3, self._is_foreign_host(external.host) or self._is_routed_peer(internal.host, external.host)),
            (4, len(families) == 1 and None not in families),
            (5, internal.port >= LOWEST_MEDIA_PORT and internal.port not in NOT_MEDIA),
            (6, translated or self._is_mapping(pinhole)),
            (8, 0 < pinhole.lifetime <= LONGEST_LIFETIME),
            (9, opened < MAXIMUM_PINHOLES and opened_by_host < MAXIMUM_PER_INTERNAL_HOST),
        )
        return next((rule for rule, holds in checks if not holds), 0)

    def may_be_learnt(self, pinhole: Pinhole) -> int:
        """P3 and P4 of one that no description names: exactly one endpoint, within the media networks of a provider of
        this internal host where that lets its media be learnt."""
        here, there = ip_address(pinhole.internal.host), ip_address(pinhole.external.host)
        if not pinhole.external.port:
            return 4
        allowed = any(
            any(there in network for network in peering.learns_from)
            and any(here in network for network in (*peering.internal, *peering.media_hosts))
            for peering in self._learning
        )
        return 0 if allowed else 3

    def may_be_pinned(self, mapped: Endpoint) -> bool:
        """P6, of a port that the kernel gave a telephone by itself: none of those that we give away."""
        ranges = (self._media_ports, *self._signalling_ports)
        ours = any(each.first <= mapped.port <= each.last for each in ranges)
        return mapped.host in self._mapped and mapped.port >= LOWEST_MEDIA_PORT and not ours

    def check_socket(self, at: Endpoint) -> int:
        """A wildcard socket may only take what is signalling: P6, the ports are ours. One that is bound to an address
        takes only what is for that: it may be a provider's, or a telephone's that keeps its own."""
        address = ip_address(at.host)
        if address.is_unspecified:
            return self._check_port(at.port)
        return 0 if self._enabled and (self._is_provider(address) or self._is_routed(address)) else 6

    def _check_port(self, port: int) -> int:
        return 0 if any(allowed.first <= port <= allowed.last for allowed in self._signalling_ports) else 6

    def check_stream(self, at: Endpoint) -> int:
        """A TCP socket may listen and speak from our address at signalling ports, and speak in a provider's name or in
        that of a telephone that keeps its own address."""
        return self._check_port(at.port) if at.host in self._mapped else self.check_socket(at)

    def check_ban(self, host: str, seconds: float) -> int:
        """P11: no host that a peering names singly, none of ours, and never for ever."""
        banned = ip_address(host)
        allowed = self._enabled and banned not in self._known and self._is_foreign(banned)
        return 0 if allowed and 0 < seconds <= LONGEST_LIFETIME else 11

    def _is_provider(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._providers)

    def _is_routed(self, address: IPv4Address | IPv6Address) -> bool:
        """An internal host that some peering does not translate."""
        return address not in self._own and any(
            address in network
            for peering in self._routed
            if not peering.translates(str(address))
            for network in peering.internal
        )

    def _is_mapping(self, pinhole: Pinhole) -> bool:
        """P6: a media port of ours, or the internal endpoint itself where a peering does not translate it."""
        mapped = pinhole.mapped
        if mapped == pinhole.internal:
            return self._is_routed(ip_address(mapped.host))
        return mapped.host in self._mapped and self._media_ports.first <= mapped.port <= self._media_ports.last

    def _is_routed_peer(self, internal: str, external: str) -> bool:
        """P3, of two parties that are both inside: the other one must be named by the peering of the first."""
        here, there = ip_address(internal), ip_address(external)
        return there not in self._own and any(
            any(here in network for network in peering.internal)
            and any(there in network for network in (*peering.external, *peering.media))
            for peering in self._routed
            if not peering.translates(internal)
        )

    def _is_foreign(self, address: IPv4Address | IPv6Address) -> bool:
        """P3: a unicast address of somebody else, outside."""
        if isinstance(address, IPv6Address) and any(address in network for network in _IPV4_IN_IPV6):
            return False
        reserved = (  # is_reserved is 240/4, with the limited broadcast; 0/8 has no property of its own
            address.is_loopback or address.is_link_local or address.is_multicast or address.is_reserved
            or address.is_unspecified or (address.version == 4 and address.packed[0] == 0)
        )  # fmt: skip
        if reserved or address in self._own:
            return False
        return not any(address in network for network in self._inside)
