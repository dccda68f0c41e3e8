# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may speak SIP with whom, and which external address may get a pinhole: questions to the policy, remembered."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from sipalg_core.contract.policy import AlgPolicy, Peering
from sipalg_core.net import Side

# --- Specification constants: never the address of a media peer (RFC 6890, RFC 6052) ---
SPECIAL: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4",
        "::/96", "::ffff:0:0/96", "64:ff9b::/96", "fe80::/10", "ff00::/8",
    )
)  # fmt: skip

REMEMBERED: Final = 4096
MAX_GATE_SOURCES: Final = 8


class Screening:
    """Answers for one policy; a new policy gets a new one."""

    def __init__(self, policy: AlgPolicy) -> None:
        self._policy = policy
        self._own = {ip_address(text) for interface in policy.interfaces for text in interface.addresses}
        self._outside = frozenset(policy.external_addresses)
        self._internal = [net for i in policy.interfaces if i.side is Side.INTERNAL for net in i.networks]
        self._internal += [
            net for peer in policy.peerings for net in peer.internal if net.prefixlen
        ]  # "any" is not ours
        self.is_internal = lru_cache(REMEMBERED)(self._is_internal)
        self.is_provider = lru_cache(REMEMBERED)(self._is_provider)
        self.peering = lru_cache(REMEMBERED)(self._peering)
        self.between = lru_cache(REMEMBERED)(self._between)
        self.media_peer_refusal = lru_cache(REMEMBERED)(self._media_peer_refusal)

    def rule(self, name: str) -> Peering | None:
        """The SIP rule of this name."""
        known = (*self._policy.peerings, *self._policy.ended)
        return next((peering for peering in known if peering.rule == name), None)

    def _peering(self, internal: str, external: str) -> Peering | None:
        """The SIP rule that allows this pair of hosts, or None."""
        if not self._policy.enabled:
            return None
        inner, outer = ip_address(internal), ip_address(external)
        for peering in self._policy.peerings:
            if any(inner in net for net in peering.internal) and any(outer in net for net in peering.external):
                return peering
        return None

    def _between(self, source: str, destination: str) -> tuple[Peering, Side] | None:
        """The SIP rule of two hosts behind internal interfaces, and on which side of it the first of them is.

        Which side an interface is on does not tell: telephones and the server in the DMZ are both inside. The first
        rule that names the pair, either way round, decides, so that both directions are of one rule.
        """
        if not self._policy.enabled:
            return None
        first, second = ip_address(source), ip_address(destination)
        for peering in self._policy.peerings:
            if any(first in net for net in peering.internal) and any(second in net for net in peering.external):
                return peering, Side.INTERNAL
            if peering.translates(destination):
                continue
            if any(second in net for net in peering.internal) and any(first in net for net in peering.external):
                return peering, Side.EXTERNAL
        return None

    def side_of(self, source: str, destination: str) -> Side:
        """On which side the first host is, where the interface is not known: a connection has none."""
        if destination in self._outside:
            return Side.EXTERNAL
        found = self.between(source, destination)
        return found[1] if found else Side.INTERNAL

    def _is_provider(self, host: str) -> bool:
        """Whether any SIP rule names this external host."""
        address = ip_address(host)
        return self._policy.enabled and any(address in net for peer in self._policy.peerings for net in peer.external)

    def is_known(self, host: str) -> bool:
        """Whether a peering names this host singly."""
        known = ip_network(host)
        return any(known in (*peer.internal, *peer.external) for peer in self._policy.peerings)

    def _is_internal(self, host: str) -> bool:
        address = ip_address(host)
        return any(address in net for net in self._internal)

    def _media_peer_refusal(self, host: str, rule: str) -> str | None:
        """P3: why this external address gets no pinhole under this rule, or None where it may."""
        address: IPv4Address | IPv6Address = ip_address(host)
        if address in self._own:
            return "media-peer-is-us"
        if any(address in net for net in SPECIAL):
            return "media-peer-special"
        if self.is_internal(host) and not self._is_routed_peer(address, rule):
            return "media-peer-internal"
        return None

    def _is_routed_peer(self, address: IPv4Address | IPv6Address, rule: str) -> bool:
        """Whether the rule itself names this host as its other party, and translates nothing: a server in the DMZ."""
        peering = self.rule(rule)
        if peering is None or peering.translates(str(address)):
            return False
        return any(address in net for net in (*peering.external, *peering.media))

    def gate_sources(self, peering: Peering, signalling_peer: str) -> tuple[str, ...]:
        """P7: the signalling peer and the single hosts of the provider's media object."""
        hosts = [str(net.network_address) for net in peering.media if net.prefixlen == net.max_prefixlen]
        return tuple(dict.fromkeys([signalling_peer, *hosts]))[:MAX_GATE_SOURCES]
