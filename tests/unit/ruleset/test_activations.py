# SPDX-License-Identifier: GPL-2.0-or-later
"""What acts on top of a revision: its nft, what it means for single packets, and what the ALG is told."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from appliance.ruleset.compile import compile_activations, compile_alg, compile_nft
from appliance.ruleset.decide import Packet, decide
from appliance.ruleset.policy import Activation, Address, Interface, Policy, Rule, Service
from sipalg_core.broker.signalling import exempt
from sipalg_core.nft.ruleset import to_text

NOW = 1_800_000_000
WEB = Service("Web", "tcp", "80")
SIP = Rule(
    1, 1, "Phones", "accept", source=Address("Phones", ("192.168.0.0/28",)),
    service=Service("SIP", "udp", "5060", "sip"),
    destination=Address("Provider", ("203.0.113.1", "203.0.113.3", "2001:db8::1")),
)  # fmt: skip
POLICY = Policy(
    1,
    "local",
    (
        Interface("lan0", "internal", ("192.168.0.1/24",)),
        Interface("wan0", "external", ("203.0.113.2/24",), masquerade=True),
    ),
    (SIP, Rule(7, 2, "web", "accept", service=WEB, enabled=False)),
)


def on_top(*activations):
    return replace(POLICY, activations=activations)


def lines(policy):
    return [line for line in to_text(compile_activations(policy, NOW)).splitlines() if not line.startswith("flush")]


def packet(daddr, *, dport=80, protocol="tcp", at=NOW, saddr="192.168.0.10", iif="lan0"):
    return Packet(iif, ip_address(saddr), ip_address(daddr), protocol, dport, at)


def test_activated_rule_has_its_end_its_mark_and_its_place_before_the_revision():
    told = lines(on_top(Activation(5, NOW + 100, POLICY.rules[1])))
    assert told[0] == "add element inet appliance live_activations { 32773 timeout 100s, 2148794368 timeout 100s }"
    assert told[1] == (
        "add rule inet appliance forward_activations meta l4proto tcp th dport 80 meta time 0-1800000100 "
        'ct mark set ct mark & 0xffff0000 | 0x00008005 counter accept comment "rule:7"'
    )
    frame = to_text(compile_nft(POLICY)).splitlines()
    asked = frame.index("add rule inet appliance forward_policy jump forward_activations")
    assert asked < frame.index("add rule inet appliance forward_policy goto forward_r1")


def test_an_activation_that_has_ended_is_not_live_and_its_rule_matches_no_more():
    told = lines(on_top(Activation(5, NOW - 1, POLICY.rules[1])))
    assert not [line for line in told if "element" in line]
    assert decide(on_top(Activation(5, NOW - 1, POLICY.rules[1])), packet("198.51.100.1")).verdict == "drop"


def test_connections_of_whatever_is_not_live_are_dropped():
    assert [line for line in lines(on_top()) if "ended:activation" in line] == [
        f"add rule inet appliance ended_activations ct mark & {bit} == {bit} ct mark & {mask} != @live_activations "
        'counter meta mark set meta mark & 0x00030000 | 0x00000003 goto verdict_drop comment "ended:activation"'
        for bit, mask in (("0x00008000", "0x0000ffff"), ("0x80000000", "0xfffc0000"))
    ]


@pytest.mark.parametrize("servers", [("203.0.113.1",), ("203.0.113.0/30",), ("0.0.0.0/0", "::/0")])
def test_exemption_makes_a_plain_rule_of_what_would_open_the_alg(servers):
    policy = on_top(Activation(6, None, exempt=servers))
    decision = decide(policy, packet("203.0.113.1", dport=5060, protocol="udp"))
    assert (decision.verdict, decision.reason, decision.alg) == ("accept", "rule:1", False)
    assert decision.snat == "auto:masquerade"
    other = decide(policy, packet("203.0.113.3", dport=5060, protocol="udp"))
    assert other.alg == (servers == ("203.0.113.1",))
    assert decide(policy, packet("198.51.100.9", dport=5060, protocol="udp")).verdict == "drop"


def test_exemption_of_what_no_rule_names_opens_nothing():
    policy = on_top(Activation(6, None, exempt=("198.51.100.0/24",)))
    assert not [line for line in lines(policy) if "add rule inet appliance forward_activations" in line]
    assert decide(policy, packet("198.51.100.9", dport=5060, protocol="udp")).verdict == "drop"


def test_exemption_ends_for_single_packets_too():
    policy = on_top(Activation(6, NOW + 60, exempt=("203.0.113.1",)))
    assert not decide(policy, packet("203.0.113.1", dport=5060, protocol="udp")).alg
    assert decide(policy, packet("203.0.113.1", dport=5060, protocol="udp", at=NOW + 60)).alg


def test_alg_is_told_and_the_longest_of_overlapping_exemptions_counts():
    told = compile_alg(
        on_top(
            Activation(6, NOW + 60, exempt=("203.0.113.1", "203.0.113.3")),
            Activation(7, None, exempt=("203.0.113.0/31",)),
            Activation(8, NOW - 60, exempt=("203.0.113.3",)),
        )
    )
    assert list(exempt(told, 4, NOW)) == [
        (((ip_network("203.0.113.0/32"),),), None),
        (((ip_network("203.0.113.1/32"),),), None),
        (((ip_network("203.0.113.3/32"),),), 60),
    ]
    assert list(exempt(told, 6, NOW)) == []


def test_console_of_a_maintenance_window_is_open_for_nobody_else():
    console = Rule(
        0, 0, "Remote maintenance", "accept", source=Address("Support", ("203.0.113.80",)), from_zone="external",
        service=Service("Console", "tcp", "8000"), table="input",
    )  # fmt: skip
    policy = on_top(Activation(9, NOW + 60, console))
    for source, expected in (("203.0.113.80", "accept"), ("203.0.113.66", "drop")):
        asked = packet("203.0.113.2", dport=8000, saddr=source, iif="wan0")
        assert decide(policy, asked).verdict == expected
        assert decide(POLICY, asked).verdict == "drop"
    assert decide(policy, packet("203.0.113.2", dport=22, saddr="203.0.113.80", iif="wan0")).verdict == "drop"
