# SPDX-License-Identifier: GPL-2.0-or-later
"""Our values and the real nft agree: what is loaded is listed, what is refused is named, elements are what we wrote."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import pytest

from sipalg_core.broker.rules import transaction
from sipalg_core.nft.client import Client, Count, NftError
from sipalg_core.nft.elements import Element, ElementTable, Result, pack
from sipalg_core.nft.ruleset import Add, Chain, Delete, Elements, Hook, Rule, Set, Table
from sipalg_core.nft.statements import (
    ACCEPT,
    DROP,
    Assign,
    Counter,
    Field,
    Interface,
    Limit,
    Log,
    Lookup,
    Masked,
    Masquerade,
    Match,
    Named,
    Nat,
    Range,
    Reject,
    Tproxy,
    Update,
    VerdictMap,
    jump,
    selector,
)
from tests.lab.kernel_rig import run, within
from tests.unit.broker.test_layout import POLICY, overlapping

pytestmark = pytest.mark.lab

NAMESPACE = f"rig-nft-{os.getpid()}"
TABLE = Table("sipalg")
BASE = Chain(TABLE, "prerouting_base", Hook("filter", "prerouting", -150))
DNAT = Chain(TABLE, "prerouting_nat", Hook("nat", "prerouting", -100))
SNAT = Chain(TABLE, "postrouting_nat", Hook("nat", "postrouting", 100))
FORWARD = Chain(TABLE, "forward_r42")
OTHER = Chain(TABLE, "forward_r43")
HOLES = Set(
    TABLE, "pin_holes", ("ipv4_addr", "inet_service"), flags=("dynamic", "timeout"), timeout=120, size=2, counter=True
)
MAP = Set(TABLE, "media_map", ("ipv4_addr", "inet_service"), ("ipv4_addr", "inet_service"))
GEO = Set(TABLE, "geo_de", ("ipv4_addr", "inet_proto"), flags=("interval",))
KEY = selector("ip saddr", "udp sport")
MARK = Field("meta mark")
OBJECTS = (TABLE, BASE, DNAT, SNAT, FORWARD, OTHER, HOLES, MAP, GEO)
UDP = Match(Field("meta l4proto"), "udp")

# statements, and how nft lists them
RULES = [
    (
        BASE,
        (Match(Field("iifname"), (Interface("lan0"), Interface("ppp*"))), ACCEPT),
        'iifname { "lan0", "ppp*" } accept',
    ),
    (
        BASE,
        (Match(KEY, Named("pin_holes")), Update("pin_holes", KEY, 30), ACCEPT),
        "ip saddr . udp sport @pin_holes update @pin_holes { ip saddr . udp sport timeout 30s } accept",
    ),
    (
        BASE,
        (Assign(MARK, Masked(MARK, 0x10000, "|")), Assign(Field("ct mark"), MARK)),
        "meta mark set meta mark | 0x00010000 ct mark set meta mark",
    ),
    (
        BASE,
        (Match(Masked(MARK, 0x10000), 0), DROP),
        "meta mark & 0x00010000 == 0x00000000 drop",
    ),
    (BASE, (UDP, Tproxy("ip", ip_address("127.0.0.1"))), "meta l4proto udp tproxy ip to 127.0.0.1"),
    (BASE, (UDP, Tproxy("ip6", ip_address("::1"))), "meta l4proto udp tproxy ip6 to [::1]"),
    (
        FORWARD,
        (Match(Field("meta time"), 1800000000, ">="), Match(Field("meta time"), 1900000000, "<"), ACCEPT),
        'meta time >= "2027-01-15 08:00:00" meta time < "2030-03-17 17:46:40" accept',
    ),
    (
        FORWARD,
        (Match(Field("tcp dport"), (22, Range(80, 90))), Log("rule:9"), Reject("tcp reset")),
        'tcp dport { 22, 80-90 } log prefix "rule:9 " reject with tcp reset',
    ),
    (
        FORWARD,
        (Match(selector("ip saddr", "meta l4proto"), Named("geo_de")), Limit(10, burst=7), jump("forward_r43")),
        "ip saddr . meta l4proto @geo_de limit rate 10/second burst 7 packets jump forward_r43",
    ),
    (
        FORWARD,
        (VerdictMap(Field("ct state"), (("invalid", DROP), ("established", ACCEPT))),),
        "ct state vmap { invalid : drop, established : accept }",
    ),
    (FORWARD, (Reject(),), "reject with icmpx admin-prohibited"),
    (
        DNAT,
        (Nat("dnat", "ip", Lookup(selector("ip daddr", "udp dport"), "media_map")),),
        "dnat ip to ip daddr . udp dport map @media_map",
    ),
    (SNAT, (UDP, Nat("snat", "ip", ip_address("1.2.3.4"), 500)), "meta l4proto udp snat ip to 1.2.3.4:500"),
    (SNAT, (Masquerade(),), "masquerade"),
]


@pytest.fixture
def nft() -> Iterator[Client]:
    run("ip", "netns", "add", NAMESPACE)
    try:
        yield within(NAMESPACE, Client)
    finally:
        run("ip", "netns", "del", NAMESPACE)


@pytest.fixture
def elements(nft) -> Iterator[ElementTable]:
    nft.apply([*map(Add, OBJECTS)])
    table = within(NAMESPACE, lambda: ElementTable("sipalg"))
    yield table
    table.close()


def test_rules_are_listed_as_they_were_written(nft):
    nft.apply([*map(Add, OBJECTS), *(Add(Rule(chain, statements)) for chain, statements, _ in RULES)])
    listed = run("nft", "list", "table", "inet", "sipalg", namespace=NAMESPACE)
    assert [text for _, _, text in RULES if f"\t\t{text}\n" not in listed] == []


def test_the_tables_of_the_broker_load_again_and_again(nft):
    for policy in (POLICY, overlapping(), POLICY):
        nft.apply(transaction(policy, replace=False))
    chains = len(nft.list_table("sipalg"))
    nft.apply(transaction(POLICY, replace=False))
    assert len(nft.list_table("sipalg")) == chains


def test_elements_of_interval_sets(nft):
    keys = ((ip_network("10.0.0.0/8"), Range(0, 255)), (Range(ip_address("1.0.0.1"), ip_address("1.0.0.9")), 6))
    nft.apply([*map(Add, OBJECTS), Add(Elements(GEO, keys))])
    listed = run("nft", "list", "set", "inet", "sipalg", "geo_de", namespace=NAMESPACE)
    assert "10.0.0.0/8 . 0-255" in listed
    assert "1.0.0.1-1.0.0.9 . tcp" in listed
    nft.apply([Delete(Elements(GEO, keys[1:]))])
    assert "1.0.0.1" not in run("nft", "list", "set", "inet", "sipalg", "geo_de", namespace=NAMESPACE)


def test_the_refused_rule_is_named_and_nothing_is_changed(nft):
    bad = Rule(FORWARD, (jump("forward_gone"),), "rule:77")
    transaction = [Add(TABLE), Add(FORWARD), Add(Rule(FORWARD, (ACCEPT,), "rule:76")), Add(bad)]
    (error,) = nft.check(transaction)
    assert (error.comment, error.command) == ("rule:77", Add(bad))
    with pytest.raises(NftError, match="No such file or directory"):
        nft.apply(transaction)
    assert nft.list_tables() == []


def test_a_check_changes_nothing(nft):
    assert nft.check([Add(TABLE)]) == []
    assert nft.list_tables() == []
    assert nft.list_table("sipalg") == []


def test_counters_are_added_up_by_comment(nft):
    rules = [Add(Rule(FORWARD, (Counter(), ACCEPT), comment)) for comment in ("rule:1", "rule:1", "rule:2")]
    nft.apply([Add(TABLE), Add(FORWARD), *rules])
    assert nft.counters("sipalg") == {"rule:1": Count(0, 0), "rule:2": Count(0, 0)}


# --- single elements by raw netlink ---


def hole(number: int) -> Element:
    return Element("pin_holes", pack("192.0.2.1", number), timeout=30, comment=f"pinhole:{number}")


TRANSLATION = Element("media_map", pack("192.0.2.1", 1), pack("10.0.0.1", 2))


def test_an_element_comes_back_as_it_was_written(elements):
    counted = hole(1)._replace(packets=12, bytes=1200)
    assert elements.change(add=[counted, TRANSLATION]) is Result.DONE
    (found,) = elements.dump("pin_holes")
    assert 29 < found.expires <= 30
    assert found._replace(expires=0) == counted
    assert elements.get(counted)._replace(expires=0) == counted
    assert elements.dump("media_map") == [TRANSLATION]
    listed = run("nft", "list", "set", "inet", "sipalg", "pin_holes", namespace=NAMESPACE)
    assert "192.0.2.1 . 1 counter packets 12 bytes 1200 timeout 30s" in listed
    assert 'comment "pinhole:1"' in listed


def test_what_the_kernel_refuses_is_told_and_nothing_is_changed(elements):
    assert elements.change(add=[hole(1)]) is Result.DONE
    assert elements.change(add=[hole(2), hole(1)]) is Result.EXISTS
    assert elements.change(delete=[hole(1), hole(3)]) is Result.MISSING
    assert elements.change(add=[hole(2), hole(3)]) is Result.FULL
    assert [each.comment for each in elements.dump("pin_holes")] == ["pinhole:1"]


def test_the_same_translation_twice_is_no_conflict_another_one_is(elements):
    assert elements.change(add=[TRANSLATION]) is Result.DONE
    assert elements.change(add=[TRANSLATION]) is Result.DONE
    assert elements.change(add=[TRANSLATION._replace(data=pack("10.0.0.1", 3))]) is Result.EXISTS


def test_an_element_is_renewed_in_one_transaction(elements):
    elements.change(add=[hole(1)])
    assert elements.change(delete=[hole(1)], add=[hole(1)._replace(timeout=50)]) is Result.DONE
    assert elements.get(hole(1)).timeout == 50


def test_what_is_not_there_is_empty(elements):
    assert elements.dump("no_set") == elements.dump("pin_holes") == []
    assert elements.get(hole(1)) is None
    assert elements.change(add=[hole(1)._replace(set="no_set")]) is Result.MISSING
    assert elements.change() is Result.DONE
