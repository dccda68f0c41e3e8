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
        self._internal = [net for i in policy.interfaces if i.side is Side.INTERNAL for net in i.networks]
        self._internal += [
            net for peer in policy.peerings for net in peer.internal if net.prefixlen
        ]  # "any" is not ours
        self.is_internal = lru_cache(REMEMBERED)(self._is_internal)
        self.is_provider = lru_cache(REMEMBERED)(self._is_provider)
        self.peering = lru_cache(REMEMBERED)(self._peering)
        self.media_peer_refusal = lru_cache(REMEMBERED)(self._media_peer_refusal)

    def rule(self, name: str) -> Peering | None:
        """The SIP rule of this name."""
        return next((peering for peering in self._policy.peerings if peering.rule == name), None)

    def _peering(self, internal: str, external: str) -> Peering | None:
        """The SIP rule that allows this pair of hosts, or None."""
        if not self._policy.enabled:
            return None
        inner, outer = ip_address(internal), ip_address(external)
        for peering in self._policy.peerings:
            if any(inner in net for net in peering.internal) and any(outer in net for net in peering.external):
                return peering
        return None

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

    def _media_peer_refusal(self, host: str) -> str | None:
        """P3: why this external address gets no pinhole, or None where it may."""
        address: IPv4Address | IPv6Address = ip_address(host)
        if address in self._own:
            return "media-peer-is-us"
        if any(address in net for net in SPECIAL):
            return "media-peer-special"
        if self.is_internal(host):
            return "media-peer-internal"
        return None

    def gate_sources(self, peering: Peering, signalling_peer: str) -> tuple[str, ...]:
        """P7: the signalling peer and the single hosts of the provider's media object."""
        hosts = [str(net.network_address) for net in peering.media if net.prefixlen == net.max_prefixlen]
        return tuple(dict.fromkeys([signalling_peer, *hosts]))[:MAX_GATE_SOURCES]
