# SPDX-License-Identifier: GPL-2.0-or-later
"""The pinhole contract, checked a second time by the process that holds the capability: the engine is not believed.

Rule numbers are those of the contract P1-P12; P1, P7 and P10-P12 speak of SIP, which this process does not know.
"""

from __future__ import annotations

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
        self._inside = [network for each in internal for network in each.networks]
        self._inside += [network for network in self._peers if network.prefixlen]  # "any" is no network of ours
        self._media_ports = policy.media_ports
        self._signalling_ports = signalling_ports(policy) if policy.enabled else []
        self._enabled = policy.enabled

    def check(self, pinhole: Pinhole, opened: int, opened_by_host: int) -> int:
        """`opened` and `opened_by_host` count the pinholes there are, all and of this internal host."""
        internal, mapped, external = pinhole.internal, pinhole.mapped, pinhole.external
        families = {family_of(each.host) for each in (internal, mapped, external)}
        checks = (
            (2, self._enabled and any(ip_address(internal.host) in network for network in self._peers)),
            (3, self._is_foreign(ip_address(external.host))),
            (4, len(families) == 1 and None not in families),
            (5, internal.port >= LOWEST_MEDIA_PORT and internal.port not in NOT_MEDIA),
            (6, mapped.host in self._mapped and self._media_ports.first <= mapped.port <= self._media_ports.last),
            (8, 0 < pinhole.lifetime <= LONGEST_LIFETIME),
            (9, opened < MAXIMUM_PINHOLES and opened_by_host < MAXIMUM_PER_INTERNAL_HOST),
        )
        return next((rule for rule, holds in checks if not holds), 0)

    def check_socket(self, port: int) -> int:
        """A wildcard socket may only take what is signalling: P6, the ports are ours."""
        return 0 if any(allowed.first <= port <= allowed.last for allowed in self._signalling_ports) else 6

    def check_stream(self, at: Endpoint) -> int:
        """A TCP socket may listen and speak from our address at signalling ports, and speak in a provider's name."""
        address = ip_address(at.host)
        if address.is_unspecified or at.host in self._mapped:
            return self.check_socket(at.port)
        return 0 if self._enabled and any(address in network for network in self._providers) else 6

    def check_ban(self, host: str, seconds: float) -> int:
        """P11: no host that a peering names singly, none of ours, and never for ever."""
        banned = ip_address(host)
        allowed = self._enabled and banned not in self._known and self._is_foreign(banned)
        return 0 if allowed and 0 < seconds <= LONGEST_LIFETIME else 11

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
