# SPDX-License-Identifier: GPL-2.0-or-later
"""The table `inet sipalg` as text, and a pinhole as elements."""

from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from sipalg_core.broker.layout import elements_of
from sipalg_core.broker.rules import transaction
from sipalg_core.broker.signalling import signalling_ports
from sipalg_core.contract.control import Pinhole
from sipalg_core.contract.policy import EMPTY, AlgPolicy, Handling, Interface, Peering, PortRange, Timers
from sipalg_core.net import Endpoint, Side
from sipalg_core.nft.elements import Element, pack
from sipalg_core.nft.ruleset import Elements, to_text

GOLDEN = Path(__file__).with_name("sipalg.nft")

POLICY = AlgPolicy(
    revision=1,
    interfaces=(
        Interface("lan0", Side.INTERNAL, ("192.168.0.1",)),
        Interface("wan0", Side.EXTERNAL, ("203.0.113.2", "2001:db8::2")),
    ),
    peerings=(
        Peering(
            "rule:1",
            "provider",
            (ip_network("192.168.0.0/28"), ip_network("fd00::/64")),
            (ip_network("203.0.113.1/32"), ip_network("2001:db8::1/128")),
            ports=(5060, 5070),
        ),
    ),
    timers=Timers(inactive_media=120),
)
HOLE = Pinhole(7, Endpoint("192.168.0.10", 4000), Endpoint("203.0.113.2", 20000), Endpoint("203.0.113.99", 7000), 60)


def test_the_table_is_what_was_reviewed():
    assert to_text(transaction(POLICY, replace=False)) == GOLDEN.read_text()


def test_another_layout_is_replaced_in_the_same_transaction():
    lines = to_text(transaction(POLICY, replace=True)).splitlines()
    assert lines[:3] == ["add table inet sipalg", "delete table inet sipalg", "add table inet sipalg"]
    assert lines[3:] == GOLDEN.read_text().splitlines()[1:]


def test_idle_paths_without_us_are_remembered_as_the_operator_says():
    usual = to_text(transaction(POLICY, replace=False))
    told = to_text(transaction(replace(POLICY, handling=Handling(idle_path=600)), replace=False))
    assert "timeout set" not in usual
    assert [line for line in told.splitlines() if line not in usual.splitlines()] == [
        "add ct timeout inet sipalg idle_path4_600 "
        "{ protocol udp ; l3proto ip ; policy = { unreplied : 600, replied : 600 } ; }",
        "add ct timeout inet sipalg idle_path6_600 "
        "{ protocol udp ; l3proto ip6 ; policy = { unreplied : 600, replied : 600 } ; }",
        "add rule inet sipalg forward_media meta nfproto ipv4 udp dport { 5060, 5070 } ct state new "
        'ct timeout set "idle_path4_600" comment "idle-path"',
        "add rule inet sipalg forward_media meta nfproto ipv6 udp dport { 5060, 5070 } ct state new "
        'ct timeout set "idle_path6_600" comment "idle-path"',
    ]


@pytest.mark.parametrize("policy", [EMPTY, replace(POLICY, enabled=False)])
def test_an_alg_that_is_off_intercepts_nobody(policy):
    assert "add element" not in to_text(transaction(policy, replace=False))


def test_two_peerings_with_the_same_hosts_are_no_duplicate_element():
    twice = replace(POLICY, peerings=(*POLICY.peerings, replace(POLICY.peerings[0], rule="rule:2")))
    assert transaction(twice, replace=False) == transaction(POLICY, replace=False)


OVERLAPPING = (
    ("10.0.0.0/24", "1.1.0.0/16", (5060,)),
    ("10.0.0.0/16", "1.1.0.0/24", (5060, 5070)),
    ("10.0.0.10/32", "1.1.0.0/24", (5060,)),
    ("10.0.0.0/8", "1.1.0.9/32", (5070,)),
    ("10.0.0.0/8", "2.0.0.0/8", (5060,)),
)


def overlapping():
    peerings = tuple(
        Peering(f"rule:{number}", "x", (ip_network(internal),), (ip_network(external),), ports=ports)
        for number, (internal, external, ports) in enumerate(OVERLAPPING)
    )
    return replace(POLICY, peerings=peerings)


@pytest.mark.parametrize("port", [5060, 5070, 5080])
@pytest.mark.parametrize("internal", ["10.0.0.1", "10.0.0.10", "10.0.1.1", "10.1.0.1", "11.0.0.1"])
@pytest.mark.parametrize("external", ["1.1.0.1", "1.1.0.9", "1.1.7.1", "1.2.0.1", "2.9.9.9"])
def test_overlapping_peerings_give_elements_of_which_one_matches_or_none(internal, external, port):
    host, provider = ip_address(internal), ip_address(external)
    allowed = any(
        host in ip_network(inside) and provider in ip_network(outside) and port in ports
        for inside, outside, ports in OVERLAPPING
    )
    keys = [
        key
        for command in transaction(overlapping(), replace=False)
        if isinstance(command.what, Elements) and command.what.set.name == "sip_peers_ip"
        for key in command.what.keys
    ]
    assert sum(host in inside and provider in outside and port == dport for inside, outside, dport in keys) == allowed


def test_what_may_be_learnt_is_noted_by_the_kernel_of_these_networks_alone():
    learning = replace(POLICY.peerings[0], learn_media=True, media=(ip_network("203.0.113.96/28"),))
    before = set(to_text(transaction(POLICY, replace=False)).splitlines())
    added = [each for each in to_text(transaction(replace(POLICY, peerings=(learning,)), replace=False)).splitlines()
             if each not in before]  # fmt: skip
    assert added == [
        "add element inet sipalg media_sources_ip { 203.0.113.96/28 }",
        'add rule inet sipalg prerouting_alg iifname { "wan0" } ip daddr { 203.0.113.2 } udp dport 20000-29999 '
        "ip saddr @media_sources_ip update @media_heard_ip { ip saddr . udp sport . ip daddr . udp dport timeout 10s } "
        'comment "heard"',
    ]


def test_signalling_ports_do_not_overlap():
    taken = replace(POLICY, signalling_ports=PortRange(5000, 5065))
    assert signalling_ports(taken) == [PortRange(5070, 5070), PortRange(5000, 5065)]


def test_encrypted_sip_is_not_taken_whatever_a_peering_names():
    named = replace(POLICY, peerings=(replace(POLICY.peerings[0], ports=(5060, 5061, 5070)),))
    assert transaction(named, replace=False) == transaction(POLICY, replace=False)


def test_an_exact_pinhole_names_both_endpoints():
    inbound, outbound, dnat, snat, pair = elements_of(HOLE)
    assert inbound == Element("pinholes_in_ip", pack("203.0.113.99", 7000, "203.0.113.2", 20000), b"", 60, "pinhole:7")
    assert outbound == Element(
        "pinholes_out_ip", pack("192.168.0.10", 4000, "203.0.113.99", 7000), b"", 60, "pinhole:7"
    )
    assert dnat == Element("media_dnat_ip", pack("203.0.113.2", 20000), pack("192.168.0.10", 4000))
    assert snat == Element("media_snat_ip", pack("192.168.0.10", 4000), pack("203.0.113.2", 20000))
    assert pair == Element("media_pairs_ip", pack("192.168.0.10", "203.0.113.99"))


def test_a_gate_leaves_out_the_external_port_and_nothing_else():
    inbound, outbound, *_ = elements_of(HOLE._replace(external=Endpoint("203.0.113.99", 0)))
    assert (inbound.set, inbound.key) == ("pinholes_in_any_ip", pack("203.0.113.99", "203.0.113.2", 20000))
    assert (outbound.set, outbound.key) == ("pinholes_out_any_ip", pack("192.168.0.10", 4000, "203.0.113.99"))
