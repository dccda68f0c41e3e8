# SPDX-License-Identifier: GPL-2.0-or-later
"""Which intercepted connections nobody takes any more."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

from appliance.kernel.conntrack import Connection, Way
from appliance.kernel.interception import released
from sipalg_core.contract import names
from sipalg_core.contract.policy import AlgPolicy, Exemption, Interface, Peering
from sipalg_core.net import Side

PHONE, PC, PROVIDER, OURS = "192.168.0.10", "192.168.0.66", "203.0.113.1", "203.0.113.2"
POLICY = AlgPolicy(
    1, True, (Interface("wan0", Side.EXTERNAL, (OURS,)),),
    (Peering("rule:1", "p", (ip_network(PHONE),), (ip_network(PROVIDER),)),),
)  # fmt: skip


def connection(ident, source, destination, mark=names.MARK_DIVERT):
    sent = Way(ip_address(source), 5060, ip_address(destination), 5060)
    return Connection(ident, "udp", sent, Way(*sent[2:], *sent[:2]), mark, "", 60, None, b"")


EVERYTHING = (
    connection(1, PHONE, PROVIDER), connection(2, PROVIDER, OURS), connection(3, PROVIDER, PHONE),
    connection(4, PC, PROVIDER), connection(5, PC, PROVIDER, mark=0),
)  # fmt: skip


def ids(policy):
    return [each.id for each in released(policy, EVERYTHING)]


def test_what_a_peering_takes_stays_and_what_was_never_intercepted_as_well():
    assert ids(POLICY) == [4]


def test_peering_that_is_gone_or_exempt_lets_go_of_all():
    assert ids(replace(POLICY, enabled=False, peerings=())) == [1, 2, 3, 4]
    assert ids(replace(POLICY, exemptions=(Exemption("activation:1", (ip_network(PROVIDER),)),))) == [1, 2, 3, 4]
