# SPDX-License-Identifier: GPL-2.0-or-later
"""Statements as text, and that nothing but generated words gets into it."""

from ipaddress import ip_address, ip_network

import pytest

from sipalg_core.nft.statements import (
    ACCEPT,
    DROP,
    RETURN,
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

MARK = Field("meta mark")


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (Match(Field("ip saddr"), ip_network("10.0.0.0/8")), "ip saddr 10.0.0.0/8"),
        (Match(Field("ip saddr"), ip_network("10.0.0.1/32")), "ip saddr 10.0.0.1"),
        (Match(Field("ip6 daddr"), ip_address("fd00::1"), "!="), "ip6 daddr != fd00::1"),
        (Match(Field("iifname"), (Interface("lan0"), Interface("ppp*"))), 'iifname { "lan0", "ppp*" }'),
        (Match(Field("tcp dport"), (22, Range(80, 90), Range(5, 5))), "tcp dport { 22, 80-90, 5 }"),
        (Match(Field("tcp dport"), Range(80, 90)), "tcp dport 80-90"),
        (Match(Field("ct state"), ("established", "related")), "ct state { established, related }"),
        (Match(Field("meta time"), 1800000000, "<="), "meta time <= 1800000000"),
        (Match(Masked(MARK, 0x10000), 0x10000), "meta mark & 0x00010000 == 0x00010000"),
        (Match(selector("ip saddr", "udp dport"), Named("sip_peers")), "ip saddr . udp dport @sip_peers"),
        (Assign(MARK, 3), "meta mark set 0x00000003"),
        (Assign(Field("ct mark"), MARK), "ct mark set meta mark"),
        (Assign(MARK, Masked(MARK, 1, "|")), "meta mark set meta mark | 0x00000001"),
        (Update("set_a", Field("ip saddr"), 1.5), "update @set_a { ip saddr timeout 1500ms }"),
        (Update("set_a", Field("ip saddr"), 86400), "update @set_a { ip saddr timeout 1d }"),
        (Update("set_a", Field("ip saddr"), 31622399.999), "update @set_a { ip saddr timeout 365d86399999ms }"),
        (
            Update("set_a", Field("ip saddr"), 60, Limit(9, over=True)),
            "update @set_a { ip saddr timeout 60s limit rate over 9/second burst 5 packets }",
        ),
        (Limit(10, "minute", 3), "limit rate 10/minute burst 3 packets"),
        (Counter(), "counter"),
        (Log("rule:9"), 'log prefix "rule:9 "'),
        (Log("rule:9", 3), 'log prefix "rule:9 " group 3'),
        (ACCEPT, "accept"),
        (DROP, "drop"),
        (RETURN, "return"),
        (jump("forward_r42"), "jump forward_r42"),
        (VerdictMap(Field("ct state"), (("invalid", DROP),)), "ct state vmap { invalid : drop }"),
        (Reject(), "reject with icmpx admin-prohibited"),
        (Reject("tcp reset"), "reject with tcp reset"),
        (Masquerade(), "masquerade"),
        (Nat("snat", "ip", ip_address("192.0.2.1")), "snat ip to 192.0.2.1"),
        (Nat("dnat", "ip6", ip_address("fd00::1"), 80), "dnat ip6 to [fd00::1]:80"),
        (Nat("dnat", "ip", Lookup(Field("tcp dport"), "map_a")), "dnat ip to tcp dport map @map_a"),
        (Tproxy("ip", ip_address("127.0.0.1")), "tproxy ip to 127.0.0.1"),
        (Tproxy("ip6", ip_address("::1")), "tproxy ip6 to [::1]"),
    ],
)
def test_text_of_a_statement(statement, text):
    assert str(statement) == text


@pytest.mark.parametrize(
    "statement",
    [
        jump("accept"),
        jump("x; flush ruleset"),
        jump("Forward_x"),
        Match(Field("iifname"), Interface('lan0" accept')),
        Match(Field("iifname"), Interface("a-name-of-17-chars")),
        Match(Field("ip saddr"), "1.2.3.4 accept"),
        Match(Field("ip saddr"), Named("all")),
        Match(Field("ip saddr\naccept"), 1),
        Log('" accept'),
        Log("two words"),
        Reject("with; accept"),
        Update("x}", Field("ip saddr"), 1),
    ],
)
def test_what_nobody_generated_is_refused(statement):
    with pytest.raises(ValueError, match="does not match"):
        str(statement)
