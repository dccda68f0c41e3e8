# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings."""

import pytest

from appliance.ruleset.policy import Address, Interface, Policy, Provider, Rule, Service
from appliance.ruleset.verify import verify

INTERFACES = (
    Interface("lan0", "internal", ("192.168.0.1/24",)),
    Interface("wan0", "external", ("203.0.113.2/24",)),
)
PHONES = Address("Phones", ("192.168.0.10-192.168.0.12",))
TEL = Address("Tel", ("203.0.113.1",))
SIP = Service("SIP", "udp", "5060", "sip")
PROVIDERS = (Provider("Tel", "Tel"),)


def codes(*rules, interfaces=INTERFACES, providers=PROVIDERS):
    return [(each.level, each.code, each.rule) for each in verify(Policy(1, "local", interfaces, rules, providers))]


def rule(number, action="accept", **fields):
    return Rule(number, number, f"r{number}", action, **fields)


def test_good_policy_has_no_finding():
    assert codes(rule(1, source=PHONES, destination=TEL, service=SIP)) == []


def test_nobody_is_locked_out():
    assert codes(interfaces=INTERFACES[1:]) == [("error", "locked_out", None)]


@pytest.mark.parametrize(
    ("role", "address", "refused"),
    [
        ("external", "192.168.0.20", True),
        ("dmz", "192.168.0.20", True),
        ("internal", "192.168.0.20", False),
        ("external", "127.0.0.1", False),
        ("external", "198.51.100.7", False),
    ],
)
def test_operator_does_not_cut_off_himself(role, address, refused):
    lan = Interface("lan0", role, ("192.168.0.1/24",))
    policy = Policy(1, "local", (lan, Interface("mgmt0", "management", ("10.0.0.1/24",))))
    findings = verify(policy, address)
    assert [each.code for each in findings] == ["locked_out"] * refused
    assert all(address in each.text and "lan0" in each.text for each in findings)


def test_empty_object():
    assert codes(rule(1, source=Address("Empty", ()))) == [("error", "empty_object", 1)]


def test_sip_from_outside_to_inside_or_from_anywhere():
    assert codes(rule(1, source=TEL, destination=TEL, service=SIP)) == [("error", "sip_source_not_internal", 1)]
    assert ("error", "sip_destination_internal", 1) in codes(rule(1, source=PHONES, destination=PHONES, service=SIP))
    assert codes(rule(1, source=None, destination=TEL, service=SIP)) == [("error", "sip_any", 1)]
    assert codes(rule(1, source=PHONES, destination=TEL, service=SIP), providers=()) == [
        ("hint", "sip_without_provider", 1)
    ]


WEB, ALL_TCP, BOTH = Service("Web", "tcp", "80,443"), Service("TCP", "tcp"), Service("DNS", "both", "53")
LAN = Address("LAN", ("192.168.0.0/24",))


@pytest.mark.parametrize(
    ("earlier", "later", "shadowed"),
    [
        ({}, {"service": WEB}, True),
        ({"source": LAN}, {"source": PHONES}, True),
        ({"source": PHONES}, {"source": LAN}, False),
        ({"service": ALL_TCP}, {"service": WEB}, True),
        ({"service": WEB}, {"service": ALL_TCP}, False),
        ({"service": BOTH}, {"service": Service("DNS4", "udp", "53")}, True),
        ({"service": Service("DNS4", "udp", "53")}, {"service": BOTH}, False),
        ({"from_zone": "internal"}, {}, False),
        ({"to_zone": "external"}, {"to_zone": "external", "source": LAN}, True),
        ({"enabled": False}, {}, False),
    ],
)
def test_shadowed(earlier, later, shadowed):
    assert codes(rule(1, **earlier), rule(2, "drop", **later)) == ([("warning", "shadowed", 2)] if shadowed else [])
