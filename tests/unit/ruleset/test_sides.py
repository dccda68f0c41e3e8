# SPDX-License-Identifier: GPL-2.0-or-later
"""Between which zones a rule can decide."""

from __future__ import annotations

import pytest

from appliance.ruleset.policy import Address, Interface, Policy, Rule, Service
from appliance.ruleset.sides import Sides, between_all

INTERFACES = (
    Interface("lan0", "internal", ("192.168.0.1/24", "fd00:a::1/64")),
    Interface("dmz0", "dmz", ("10.7.0.1/24",)),
    Interface("wan0", "external", ("203.0.113.2/24", "2001:db8:a::2/64")),
)
EVERYWHERE = {"internal", "dmz", "external"}


def rule(**fields) -> Rule:
    return Rule(**{"id": 1, "position": 1, "name": "r", "action": "accept", **fields})


def sources(*values: str, **fields) -> frozenset[str]:
    return Sides(INTERFACES).between(rule(source=Address("a", values, **fields))).sources


@pytest.mark.parametrize(
    ("values", "zones"),
    [
        (["192.168.0.44"], {"internal"}),
        (["fd00:a::5"], {"internal"}),
        (["10.7.0.0/25", "192.168.0.2"], {"internal", "dmz"}),
        (["203.0.113.80"], {"external"}),
        (["198.51.100.7"], {"external"}),
        (["2001:db8:b::/48"], {"external"}),
        (["203.0.113.250-203.0.114.9"], {"external"}),
        (["192.168.0.0-192.168.0.255"], {"internal"}),
        (["0.0.0.0/0"], EVERYWHERE),
        (["192.168.77.1"], EVERYWHERE),
        (["10.0.0.0/8"], EVERYWHERE),
        ([], set()),
    ],
)
def test_zones_follow_from_addresses_where_they_can(values, zones):
    assert sources(*values) == zones


def test_what_moves_is_outside_and_everybody_else_anywhere():
    assert sources(lookups=("a:sip.example.net",)) == {"external"}
    assert sources("192.168.0.2", lookups=("a:sip.example.net",)) == {"internal", "external"}
    assert sources(countries=("DE",)) == {"external"}
    assert sources(countries=("DE",), negated=True) == EVERYWHERE


def test_zone_that_a_rule_names_counts_whatever_its_addresses():
    named = rule(from_zone="dmz", source=Address("a", ("192.168.0.2",)), to_zone="internal")
    assert Sides(INTERFACES).between(named) == ({"dmz"}, {"internal"})


def test_alg_is_reached_from_inside_only():
    sip = Service("SIP", "udp", "5060", "sip")
    assert Sides(INTERFACES).between(rule(service=sip)).sources == {"internal", "dmz"}


def test_table_says_what_the_other_side_is():
    pbx = Address("pbx", ("192.168.0.2",))
    tables = (rule(id=1, table="input"), rule(id=2, table="dnat", action="dnat", target=pbx))
    found = between_all(Policy(1, "local", INTERFACES, tables))
    assert found[1].targets == set()
    assert found[2].targets == {"internal"}


def test_without_an_outside_nothing_is_there():
    inside = Sides(INTERFACES[:1]).between(rule(source=Address("a", ("198.51.100.7",))))
    assert inside.sources == set()
