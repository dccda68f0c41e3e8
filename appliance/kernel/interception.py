# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that the ALG intercepted once and does not any more: as long as they live, the kernel drops them.

Deleted, the next packet begins a new one, which is whatever the packet filter's rules say (broker.endings).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing

from appliance.kernel.conntrack import Connection, ConnectionTable, Host
from sipalg_core.contract import names
from sipalg_core.contract.policy import AlgPolicy, Network


def release(policy: AlgPolicy) -> int:
    """How many there were."""
    with closing(ConnectionTable()) as table:
        return table.delete(released(policy, table.all()))


def released(policy: AlgPolicy, connections: Iterable[Connection]) -> list[Connection]:
    intercepted = [each for each in connections if each.mark & names.MARK_DIVERT]
    return [each for each in intercepted if not _taken(policy, each.sent.source, each.sent.destination)]


def _taken(policy: AlgPolicy, one: Host, other: Host) -> bool:
    """Between a phone, or ourselves, and the server of a peering that is not exempt."""
    if not policy.enabled or any(_in(each.networks, one, other) for each in policy.exemptions):
        return False
    own = set(policy.external_addresses)
    return any(
        _in(each.external, server) and (_in(each.internal, client) or str(client) in own)
        for each in policy.peerings
        for server, client in ((one, other), (other, one))
    )


def _in(networks: tuple[Network, ...], *hosts: Host) -> bool:
    return any(host in network for host in hosts for network in networks)
