# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections that began under other rules: told apart, chosen, and closed without cutting a call by accident."""

import time
from dataclasses import replace
from ipaddress import ip_address

import pytest

from appliance.kernel.connections import Flushed, Selection, chosen, count_by_rule, count_old, flush, listed
from appliance.kernel.conntrack import Connection, Way
from appliance.kernel.judgement import Judge
from appliance.ruleset.policy import Address, Interface, Policy, Rule, Service
from sipalg_core.contract import names

PHONE, PC, PROVIDER, STRANGER, OURS = "192.168.0.10", "192.168.0.66", "203.0.113.1", "203.0.113.66", "203.0.113.2"
INTERFACES = (
    Interface("lan0", "internal", ("192.168.0.1/24",)),
    Interface("wan0", "external", (f"{OURS}/24",), masquerade=True),
)
WEB = Rule(1, 1, "web", "accept", service=Service("web", "tcp", "80,443"), from_zone="internal")
SIP = Rule(
    2, 2, "sip", "accept", Address("P", (PHONE,)), Address("V", (PROVIDER,)), Service("SIP", "udp", "5060", "sip")
)
TO_PC = Rule(3, 1, "to pc", "dnat", service=Service("x", "tcp", "8080"), table="dnat", target=Address("PC", (PC,)))


def judge(*rules):
    return Judge(Policy(1, "local", INTERFACES, rules), time.time())


def way(source, sport, destination, dport):
    return Way(ip_address(source), sport, ip_address(destination), dport)


def connection(ident, sent, reply=None, protocol="tcp", mark=0):
    sent = way(*sent)
    answered = way(*reply) if reply else Way(sent.destination, sent.dport, sent.source, sent.sport)
    return Connection(ident, protocol, sent, answered, mark, "", 60, None, b"")


SURFING = connection(1, (PC, 4000, STRANGER, 443), (STRANGER, 443, OURS, 4000))
UNTRANSLATED = connection(2, (PC, 4001, STRANGER, 443))
TELNET = connection(3, (PC, 4002, STRANGER, 23), (STRANGER, 23, OURS, 4002))
FORWARDED = connection(4, (STRANGER, 5000, OURS, 8080), (PC, 8080, STRANGER, 5000))
REGISTERING = connection(5, (PHONE, 5060, PROVIDER, 5060), protocol="udp")
CALLED = connection(6, (PROVIDER, 5060, OURS, 5060), protocol="udp")
TOLD = connection(7, (PROVIDER, 5060, PHONE, 5060), protocol="udp")
SPEAKING = connection(
    8, (PHONE, 4000, "203.0.113.99", 7000), ("203.0.113.99", 7000, OURS, 20000), "udp", names.MARK_ACCEPT
)
OWN = connection(9, (OURS, 5060, STRANGER, 53), protocol="udp")
EVERYTHING = [SURFING, UNTRANSLATED, TELNET, FORWARDED, REGISTERING, CALLED, TOLD, SPEAKING, OWN]


class Kernel:
    """A table of connections that remembers what was deleted."""

    def __init__(self, *connections):
        self.connections = list(connections or EVERYTHING)
        self.deleted = []

    def all(self):
        return list(self.connections)

    def delete(self, connections):
        self.deleted += [each.id for each in connections]
        return len(self.deleted)


def ids(kernel, judging, selection):
    return [each.connection.id for each in chosen(kernel, judging, selection)]


@pytest.mark.parametrize(
    ("one", "rules", "verdict"),
    [
        (SURFING, (WEB,), ""),
        (SURFING, (), "denied"),
        (UNTRANSLATED, (WEB,), "translated"),
        (TELNET, (WEB,), "denied"),
        (FORWARDED, (TO_PC,), ""),
        (FORWARDED, (), "denied"),
        (REGISTERING, (SIP,), ""),
        (REGISTERING, (), "denied"),
        (CALLED, (SIP,), ""),
        (CALLED, (), "denied"),
        (TOLD, (SIP,), ""),
        (TOLD, (), "denied"),
        (SPEAKING, (SIP,), ""),
        (SPEAKING, (WEB,), "denied"),
        (OWN, (), ""),
    ],
)
def test_what_the_rules_say_of_a_connection_that_is_there(one, rules, verdict):
    assert judge(*rules).judge(one).verdict == verdict


def test_connection_of_another_protocol_is_judged_by_its_number():
    tunnel = connection(10, (PC, 0, STRANGER, 0), (STRANGER, 0, OURS, 0), protocol="47")
    gre = Rule(1, 1, "GRE", "accept", service=Service("GRE", "other", number=47))
    assert judge(gre).judge(tunnel).rule == "rule:1"
    assert judge(gre).judge(tunnel).verdict == ""
    assert judge(replace(gre, service=Service("ESP", "other", number=50))).judge(tunnel).verdict == "denied"


def test_destination_nat_to_another_host_is_another_translation():
    elsewhere = Rule(3, 1, "to phone", "dnat", service=TO_PC.service, table="dnat", target=Address("Phone", (PHONE,)))
    assert judge(elsewhere).judge(FORWARDED).verdict == "translated"


@pytest.mark.parametrize(
    ("selection", "found"),
    [
        (Selection(host=PC), [1, 2, 3, 4]),
        (Selection(host="203.0.113.99"), [8]),
        (Selection(within=("192.168.0.10-192.168.0.12",)), [5, 7, 8]),
        (Selection(within=()), []),
        (Selection(port=443), [1, 2]),
        (Selection(protocol="udp", port=5060), [5, 6, 7, 9]),
        (Selection(zone="internal", protocol="udp"), [5, 7, 8]),
        (Selection(rule="rule:1"), [1, 2]),
        (Selection(rule="rule:2", protocol="udp"), [5, 6, 7, 8]),
        (Selection(rule="rule:3"), [4]),
        (Selection(old=True), [2, 3]),
        (Selection(calls=True), [8]),
        (Selection(ids=(3, 99)), [3]),
        (Selection(), [1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ],
)
def test_selection(selection, found):
    assert ids(Kernel(), judge(WEB, SIP, TO_PC), selection) == found


def test_calls_are_spared_unless_the_operator_says_so():
    kernel = Kernel(REGISTERING, SPEAKING)
    assert flush(kernel, judge(), Selection(host=PHONE)) == Flushed(1, 1)
    assert kernel.deleted == [5]
    kernel = Kernel(REGISTERING, SPEAKING)
    assert flush(kernel, judge(), Selection(host=PHONE), calls=True) == Flushed(2, 0)


def test_what_an_apply_left_behind_is_counted_with_the_calls_that_go_on(engine):
    engine.rows["pinholes"] = [
        {"id": "1", "call": "c1", "internal": f"{PHONE}:4000"}, {"id": "2", "call": "c1", "internal": f"{PHONE}:4001"}
    ]  # fmt: skip
    assert count_old(Kernel(), judge()) == {"old": 7, "calls": 1}
    assert count_old(Kernel(), judge(WEB, SIP, TO_PC)) == {"old": 2, "calls": 0}


def test_connections_are_counted_for_each_rule_that_decides_or_translates():
    counted = count_by_rule(Kernel(), judge(WEB, SIP, TO_PC))
    assert {key: n for key, n in counted.items() if key.startswith("rule:")} == {"rule:1": 2, "rule:2": 4, "rule:3": 1}
    assert "" not in counted


def test_row_says_who_really_speaks_with_whom():
    (row,) = listed(Kernel(FORWARDED), judge(TO_PC), Selection())["items"]
    assert (row["source"], row["destination"], row["translated_destination"]) == (STRANGER, OURS, PC)
    assert (row["from_zone"], row["to_zone"], row["dnat"], row["verdict"]) == ("external", "internal", "rule:3", "")


def test_selection_as_json_says_only_what_is_given():
    assert Selection(host=PC, port=80).plain() == {"host": PC, "port": 80}
    assert Selection(within=()).plain() == {"within": ()}
