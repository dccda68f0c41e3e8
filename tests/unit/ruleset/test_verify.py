# SPDX-License-Identifier: GPL-2.0-or-later
"""Findings."""

from dataclasses import replace
from string import Formatter
from unittest.mock import patch

import pytest

from appliance.ruleset.findings import SENTENCES, said, text
from appliance.ruleset.policy import Address, AlgSettings, Interface, Policy, Provider, Rule, Service
from appliance.ruleset.spans import fixed
from appliance.ruleset.verify import Access, verify

INTERFACES = (
    Interface("lan0", "internal", ("192.168.0.1/24",)),
    Interface("wan0", "external", ("203.0.113.2/24",)),
)
PHONES = Address("Phones", ("192.168.0.10-192.168.0.12",))
TEL = Address("Tel", ("203.0.113.1",))
SIP = Service("SIP", "udp", "5060", "sip")
PROVIDERS = (Provider("Tel", "Tel"),)


def codes(*rules, interfaces=INTERFACES, providers=PROVIDERS):
    found = verify(Policy(1, "local", interfaces, rules, providers))
    assert all(text(each) for each in found), "every one has its sentence, and all that it names"
    return [(each.level, each.code, each.rule) for each in found]


def rule(number, action="accept", **fields):
    return Rule(number, number, f"r{number}", action, **fields)


def test_good_policy_has_no_finding():
    assert codes(rule(1, source=PHONES, destination=TEL, service=SIP)) == []


def test_nobody_is_locked_out():
    assert codes(interfaces=INTERFACES[1:]) == [("error", "locked_out", None)]


MGMT = Interface("mgmt0", "management", ("10.0.0.1/24",))
WAN = INTERFACES[1]
HTTPS = Service("HTTPS", "tcp", "443")
ADMIN = Address("Admin", ("203.0.113.66", "198.51.100.7", "1.1.1.1"))


def table_rule(action, table, **fields):
    return Rule(5, 2, "Odd", action, table=table, **fields)


@pytest.mark.parametrize(
    ("address", "lan_role", "rules", "why"),
    [
        ("192.168.0.20", "internal", (), None),
        ("192.168.0.20", "internal", (table_rule("drop", "input"),), None),
        ("192.168.0.20", "external", (), "No rule would accept TCP 443 at lan0"),
        ("192.168.0.20", "dmz", (table_rule("reject", "input"),), "Rule 2 “Odd” would reject TCP 443 at lan0"),
        (
            "192.168.0.20", "internal", (table_rule("dnat", "dnat", service=HTTPS, target=PHONES),),
            "Rule 2 “Odd” would send TCP 443 at lan0 elsewhere",
        ),
        ("192.168.0.20", "internal", (table_rule("dnat", "dnat", from_zone="external", target=PHONES),), None),
        ("203.0.113.66", "internal", (), "No rule would accept TCP 443 at wan0"),
        ("203.0.113.66", "internal", (table_rule("accept", "input", source=ADMIN, service=HTTPS),), None),
        ("203.0.113.66", "internal", (table_rule("accept", "input", source=ADMIN, until=99),), "No rule would accept"),
        ("1.1.1.1", "internal", (), "No rule would accept TCP 443 at wan0"),
        ("127.0.0.1", "external", (), None),
        ("172.16.5.5", "internal", (), None),  # a router inside; nobody knows behind which interface
    ],
)  # fmt: skip
def test_operator_does_not_cut_off_himself(address, lan_role, rules, why):
    lan = Interface("lan0", lan_role, ("192.168.0.1/24",))
    findings = verify(Policy(1, "local", (lan, WAN, MGMT), rules), Access(address, 443, 100.0))
    assert [each.code for each in findings if each.level == "error"] == ["locked_out"] * bool(why)
    if why:
        assert text(findings[0]).startswith(f"These changes would cut off your own access from {address}. {why}")


def test_two_rules_with_an_end_never_share_a_mark():
    rules = (Rule(1, 1, "a", "accept", until=9), Rule(1 + 32767, 2, "b", "drop", until=9))
    assert "limit_mark" not in [code for _, code, _ in codes(*rules)]
    rules = (rules[0], Rule(1 + 32767, 2, "b", "accept", until=9))
    assert ("error", "limit_mark", 1 + 32767) in codes(*rules)
    other_table = Rule(1 + 32767, 2, "b", "accept", until=9, table="input")
    assert ("error", "limit_mark", 1 + 32767) in codes(rules[0], other_table)


def test_rule_that_ends_shadows_nothing_and_neither_does_one_of_another_table():
    later = Rule(2, 2, "b", "drop")
    assert codes(Rule(1, 1, "a", "drop", until=9), later) == []
    assert codes(Rule(1, 1, "a", "drop", table="input"), later) == []


def test_empty_object():
    assert codes(rule(1, source=Address("Empty", ()))) == [("error", "empty_object", 1)]


def test_sip_from_outside_to_inside_or_from_anywhere():
    assert codes(rule(1, source=TEL, destination=TEL, service=SIP)) == [("error", "sip_source_not_internal", 1)]
    assert ("error", "sip_destination_internal", 1) in codes(rule(1, source=PHONES, destination=PHONES, service=SIP))
    assert codes(rule(1, source=None, destination=TEL, service=SIP)) == [("error", "sip_any", 1)]
    assert codes(rule(1, source=PHONES, destination=TEL, service=SIP), providers=()) == [
        ("hint", "sip_without_provider", 1)
    ]


DMZ = Interface("dmz0", "dmz", ("192.0.2.1/24",))
SBC = Address("SBC", ("192.0.2.10",))


def test_server_behind_another_internal_interface_is_routed():
    found = codes(rule(1, source=PHONES, destination=SBC, service=SIP), interfaces=(*INTERFACES, DMZ))
    assert found == [("hint", "sip_destination_routed", 1), ("hint", "sip_without_provider", 1)]
    mixed = Address("Both", ("192.0.2.10", "203.0.113.1"))
    found = codes(rule(1, source=PHONES, destination=mixed, service=SIP), interfaces=(*INTERFACES, DMZ))
    assert ("error", "sip_destination_mixed", 1) in found


def test_address_of_ours_that_no_interface_has():
    settings = (AlgSettings("Tel", {"peering.outside": ["203.0.113.2", "203.0.113.9"]}),)
    found = verify(Policy(1, "local", INTERFACES, (), PROVIDERS, settings))
    assert [(each.level, each.code) for each in found] == [("warning", "outside_address_gone")]
    assert "203.0.113.9" in text(found[0])


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


NAME = Address("Name", (), lookups=("address:a.example",), content=fixed("203.0.113.9"))
NOWHERE = Address("Nowhere", (), lookups=("address:b.example",), content=fixed())
COUNTRY = Address("Country", (), countries=("DE",), content=fixed("198.51.100.0/24"))
TARGET = Address("PBX", ("192.168.0.2",))


@pytest.mark.parametrize(
    ("fields", "level", "code"),
    [
        ({"source": NOWHERE}, "warning", "empty_moving_object"),
        ({"source": replace(COUNTRY, negated=True, content=fixed())}, "error", "empty_object"),
        ({"source": NAME, "action": "dnat", "table": "dnat", "target": TARGET}, "warning", "dns_source_of_dnat"),
        ({"source": PHONES, "destination": COUNTRY, "service": SIP}, "error", "sip_country"),
        ({"source": NAME, "destination": TEL, "service": SIP}, "error", "sip_source_not_internal"),
    ],
)
def test_objects_that_move(fields, level, code):
    assert (level, code, 1) in codes(rule(1, **fields))


def test_provider_by_name_is_no_finding():
    provider = (Provider("Tel", "Name"),)
    assert codes(rule(1, source=PHONES, destination=NAME, service=SIP), providers=provider) == []
    inside = replace(NAME, content=fixed("192.168.0.10"))
    found = codes(rule(1, source=PHONES, destination=inside, service=SIP), providers=provider)
    assert ("error", "sip_destination_internal", 1) in found


WEB = Service("Web", "group", members=(Service("a", "tcp", "80"), Service("b", "tcp", "443")))


@pytest.mark.parametrize(
    ("first", "second", "shadowed"),
    [
        ({"source": NAME}, {"source": replace(NAME, name="Same")}, True),
        ({"source": NAME}, {"source": NOWHERE}, False),
        ({"source": COUNTRY}, {"source": replace(COUNTRY, negated=True)}, False),
        ({"source": COUNTRY}, {"source": TEL}, False),
        ({}, {"source": COUNTRY}, True),
        ({"service": WEB}, {"service": WEB.members[0]}, True),
        ({"service": WEB.members[0]}, {"service": WEB}, False),
        ({"service": Service("c", "tcp")}, {"service": WEB}, True),
        ({"service": WEB}, {"service": Service("d", "other", number=50)}, False),
        ({}, {"service": Service("d", "other", number=50)}, True),
    ],
)
def test_shadow_of_what_moves_and_of_groups_of_services(first, second, shadowed):
    found = codes(rule(1, **first), rule(2, **second))
    assert (("warning", "shadowed", 2) in found) == shadowed


def test_sentence_is_the_readers_and_the_code_is_not():
    found = verify(Policy(1, "local", INTERFACES, (rule(1, source=Address("{rule}", ())),)))[0]
    with patch.dict(SENTENCES, {"empty_object": "„{object}“ ist leer."}):
        assert said(found) == {"level": "error", "code": "empty_object", "text": "„{rule}“ ist leer.", "rule": 1}


def test_every_sentence_names_only_what_its_finding_has():
    about_a_rule = {"position", "rule", "object", "other_position", "other"}
    known = {
        "locked_out": {"address", "port", "interface", "position", "rule"},
        "outside_address_gone": {"provider", "addresses"},
    }
    for key, sentence in SENTENCES.items():
        named = {name for _, name, _, _ in Formatter().parse(str(sentence)) if name}
        assert named <= known.get(key.partition(":")[0], about_a_rule)
