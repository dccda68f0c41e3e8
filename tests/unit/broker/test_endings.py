# SPDX-License-Identifier: GPL-2.0-or-later
"""The end of a SIP rule in the kernel: timeouts, and rules by the clock."""

from dataclasses import replace
from ipaddress import ip_network

from sipalg_core.broker.rules import transaction
from sipalg_core.broker.signalling import Lasting, lasting
from sipalg_core.contract.policy import AlgPolicy, Interface, Peering
from sipalg_core.net import Side
from sipalg_core.nft.ruleset import to_text

NOW = 1000.0
INTERFACES = (
    Interface("lan0", Side.INTERNAL, ("192.168.0.1",), (ip_network("192.168.0.0/24"),)),
    Interface("wan0", Side.EXTERNAL, ("203.0.113.2",)),
)


def network(text):
    return ip_network(text)


def peering(number, hosts, until=None, server="203.0.113.1/32"):
    return Peering(f"rule:{number}", "p", (network(hosts),), (network(server),), until=until)


def table(*peerings, **fields):
    return to_text(transaction(AlgPolicy(1, True, INTERFACES, peerings, **fields), replace=False, now=NOW)).splitlines()


def elements(lines, name):
    return [line.partition("{ ")[2] for line in lines if line.startswith(f"add element inet sipalg {name} ")]


def test_each_part_lasts_as_long_as_the_longest_that_covers_it():
    wanted = (("10.0.0.0/30", 50.0), ("10.0.0.0/31", None), ("10.0.0.1", 9.0))
    found = lasting(Lasting(network(text), until) for text, until in wanted)
    assert set(found) == {Lasting(network("10.0.0.0/31"), None), Lasting(network("10.0.0.2/31"), 50.0)}


def test_rule_with_an_end_gives_elements_with_a_timeout():
    lines = table(peering(1, "192.168.0.10/32", NOW + 60), peering(2, "192.168.0.11/32"))
    assert sorted(elements(lines, "sip_phones_ip")) == ["192.168.0.10 timeout 60s }", "192.168.0.11 }"]
    assert "192.168.0.10 . 203.0.113.1 . 5060 timeout 60s }" in elements(lines, "sip_peers_ip")
    assert all("timeout" not in each for each in elements(lines, "sip_providers_ip"))  # another rule needs it for good


def test_media_of_its_phones_ends_by_the_clock_and_nobody_elses():
    lines = table(peering(1, "192.168.0.10/32", NOW + 60), peering(2, "192.168.0.11/32"))
    ended = [line for line in lines if '"rule-ended"' in line and "meta time" in line]
    assert len(ended) == 2
    assert all("192.168.0.10" in line and "@sip_phones_ip" in line for line in ended)


def test_rule_that_has_ended_drops_media_without_a_clock_so_that_none_brings_it_back():
    over = peering(1, "192.168.0.10/32", NOW - 1)
    lines = table(peering(2, "192.168.0.11/32"), ended=(over,))
    ended = [line for line in lines if '"rule-ended"' in line and "192.168.0.10" in line]
    assert len(ended) == 2
    assert "meta time" not in "".join(ended)


def test_without_an_end_the_media_path_has_no_rule_more():
    lines = table(replace(peering(1, "192.168.0.10/32"), until=None))
    assert [line for line in lines if "@sip_phones_ip" in line and "add rule" in line] == []
