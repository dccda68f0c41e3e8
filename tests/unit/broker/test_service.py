# SPDX-License-Identifier: GPL-2.0-or-later
"""What the table says of classes of service, of networks that are routed, and of an engine that is down."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.broker.rules import transaction
from sipalg_core.contract.policy import AlgPolicy, Handling, Timers
from sipalg_core.nft.ruleset import to_text
from tests.unit.broker.test_guard import ROUTED
from tests.unit.broker.test_layout import POLICY


def lines(policy: AlgPolicy, word: str) -> list[str]:
    return [line for line in to_text(transaction(policy, replace=False)).splitlines() if word in line]


def of_peering(**handling: object) -> AlgPolicy:
    changed = replace(POLICY.peerings[0], handling=Handling(**handling))  # type: ignore[arg-type]  # named by the tests
    return replace(POLICY, peerings=(changed,))


def test_media_gets_one_class_for_all():
    (four, six) = lines(POLICY, "dscp set")
    assert "add rule inet sipalg forward_let_in meta nfproto ipv4" in four
    assert "ip dscp != 46 ip dscp set 0x0000002e accept" in four
    assert "ip6 dscp != 46 ip6 dscp set 0x0000002e accept" in six


def test_media_leaves_as_it_comes_where_no_class_is_set():
    assert lines(replace(POLICY, handling=Handling(dscp_media=None)), "dscp") == []


def test_peering_with_a_class_of_its_own_comes_before_the_others():
    found = lines(of_peering(dscp_media=34), "dscp set")
    own = [line for line in found if "0x00000022" in line]
    assert found.index(own[-1]) < len(found) - 1
    assert any("ip saddr { 192.168.0.0/28 } ip daddr { 203.0.113.1 }" in line for line in own)
    assert any("ip daddr { 192.168.0.0/28 } ip saddr { 203.0.113.1 }" in line for line in own)
    assert any(
        line.endswith('ip saddr { 192.168.0.0/28 } ip dscp != 34 ip dscp set 0x00000022 accept comment "dscp"')
        for line in own
    )


def test_media_that_has_its_class_already_meets_no_later_rule():
    found = lines(of_peering(dscp_media=34), '"dscp"')
    marking = [number for number, line in enumerate(found) if "0x00000022" in line]
    assert marking
    for number in marking:
        matches, _, rest = found[number].partition(" dscp != 34 ")
        assert found[number + 1] == f'{matches.rpartition(" ")[0]} accept comment "dscp"', rest


def test_peering_whose_media_leaves_as_it_comes_is_left_alone():
    (*_, common, _as_it_is) = lines(of_peering(dscp_media=None), '"dscp"')
    assert "dscp set" in common
    first = lines(of_peering(dscp_media=None), '"dscp"')[0]
    assert "dscp set" not in first
    assert "accept" in first


def test_signalling_gets_its_class_where_it_leaves_this_machine():
    assert [line for line in lines(POLICY, "dscp") if "output_alg" in line] == []
    found = lines(replace(POLICY, handling=Handling(dscp_signalling=24)), "0x00000018")
    assert len(found) == 4
    assert all("add rule inet sipalg output_alg" in line and "socket transparent 1" in line for line in found)


def test_engine_that_is_down_is_a_drop_unless_a_peering_wants_it_forwarded():
    assert lines(POLICY, "engine_forwarded accept") == []
    text = to_text(transaction(of_peering(engine_down="forward"), replace=False)).splitlines()
    forwards = [number for number, line in enumerate(text) if "engine_forwarded accept" in line]
    assert len(forwards) == 8  # both families, both transports, both directions
    for number in forwards:
        assert "tproxy" in text[number - 1]
        assert "goto drop_engine_dead" in text[number + 1]
        assert "meta mark & 0xfffdffff | 0x00010000" in text[number]


def test_kernel_keeps_silent_media_for_as_long_as_any_peering_wants():
    changed = replace(POLICY.peerings[0], timers=Timers(inactive_media=300))
    assert lines(replace(POLICY, peerings=(changed,)), "timeout 120s") == []
    assert len(lines(replace(POLICY, peerings=(changed,)), "timeout 300s")) == 16  # new and running media


def test_routed_hosts_are_taken_at_their_own_address_by_the_side_their_provider_is_on():
    (provider,) = (line for line in lines(ROUTED, "element inet sipalg sip_providers_ip ") if "10.9.0.0/16" in line)
    assert "203.0.113.1 . 10.9.0.0/16 . 5060" in provider
    assert "203.0.113.1 . 10.9.0.0/16 . 5070" in provider
    (inside,) = lines(ROUTED, "element inet sipalg sip_insiders_ip ")
    assert inside.endswith("{ 192.0.2.10 . 192.168.0.0/28 . 5060 }")
    assert "192.0.2.10" not in provider


def test_media_of_two_inside_parties_is_taken_from_internal_interfaces_both_ways():
    internal = 'iifname { "dmz0", "lan0" }'
    both = [
        line
        for line in lines(ROUTED, "@pinholes_in_ip update")
        if internal in line or 'iifname { "lan0", "dmz0" }' in line
    ]
    assert len(both) == 2  # new and running media
    assert len(lines(POLICY, "@pinholes_in_ip update")) == 2


@pytest.mark.parametrize("policy", [ROUTED, of_peering(engine_down="forward", dscp_signalling=24)])
def test_networks_that_overlap_make_no_element_or_set_that_the_kernel_refuses(policy):
    """The kernel itself is asked in the laboratory; here: nothing stands twice."""
    wider = replace(
        policy.peerings[0], rule="rule:9", internal=(ip_network("192.168.0.0/24"), *policy.peerings[0].internal)
    )
    for line in lines(replace(policy, peerings=(*policy.peerings, wider)), "add element"):
        elements = line.partition("{ ")[2].removesuffix(" }").split(", ")
        assert len(elements) == len(set(elements))
