# SPDX-License-Identifier: GPL-2.0-or-later
"""What an activation's begin and end mean for open connections: which are closed, and that all others stay.

An exemption changes who handles the SIP of its servers, so their signalling begins anew; media and everything else goes
on. A connection that an activation let in goes with it. Runs in netadmin only.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from appliance.kernel.answers import table
from appliance.kernel.conntrack import Connection
from appliance.ruleset.compile import limits
from appliance.ruleset.policy import Policy
from sipalg_core.contract.policy import AlgPolicy, Exemption, Network

SIPS_PORT: Final = 5061
"""Encrypted SIP is nobody's business but the packet filter's."""


def close_overtaken(policy: Policy, before: AlgPolicy, now: AlgPolicy) -> int:
    """How many connections were closed."""
    live = {bits.of_activation(each.id) for each in policy.activations for bits in (limits.FILTER, limits.DNAT)}
    changed = _changed(before.exemptions, now.exemptions)
    ports = {port for peering in now.peerings for port in peering.ports} - {SIPS_PORT}
    own_ports = range(now.signalling_ports.first, now.signalling_ports.last + 1)

    def overtaken(each: Connection) -> bool:
        marks = [each.mark & bits.mask for bits in (limits.FILTER, limits.DNAT) if each.mark & bits.activated]
        return any(mark not in live for mark in marks) or (bool(changed) and _signals(each, changed, ports, own_ports))

    with table() as kernel:
        return kernel.delete([each for each in kernel.all() if overtaken(each)])


def _changed(before: Iterable[Exemption], now: Iterable[Exemption]) -> list[Network]:
    """Networks whose exemption begins or ends."""
    old, new = ({network for each in told for network in each.networks} for told in (before, now))
    return sorted(old ^ new, key=str)


def _signals(each: Connection, servers: list[Network], ports: set[int], own_ports: range) -> bool:
    """SIP with one of the servers, by whoever handled it; never media."""
    if each.of_call or each.protocol not in ("udp", "tcp"):
        return False
    ways = (each.sent, each.reply)
    used = {port for way in ways for port in (way.sport, way.dport)}
    with_server = any(host in network for host in each.hosts for network in servers)
    return with_server and SIPS_PORT not in used and any(port in ports or port in own_ports for port in used)
