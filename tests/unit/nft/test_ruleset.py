# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects and commands as text."""

from ipaddress import ip_address, ip_network

import pytest

from sipalg_core.nft.ruleset import Add, Chain, Delete, Elements, Flush, Hook, Rule, Set, Table, to_text
from sipalg_core.nft.statements import ACCEPT, Field, Match, Range

TABLE = Table("appliance")
CHAIN = Chain(TABLE, "forward_r42")
GEO = Set(TABLE, "geo_de", ("ipv4_addr", "inet_proto"), flags=("interval",))


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (Add(TABLE), "add table inet appliance"),
        (Flush(TABLE), "flush table inet appliance"),
        (Delete(TABLE), "delete table inet appliance"),
        (Add(CHAIN), "add chain inet appliance forward_r42"),
        (
            Add(Chain(TABLE, "forward_base", Hook("filter", "forward", -10, "drop"))),
            "add chain inet appliance forward_base { type filter hook forward priority -10 ; policy drop ; }",
        ),
        (Add(GEO), "add set inet appliance geo_de { type ipv4_addr . inet_proto ; flags interval ; }"),
        (
            Add(Set(TABLE, "meter_a", ("ipv4_addr",), (), ("dynamic", "timeout"), 60, 10, True)),
            "add set inet appliance meter_a "
            "{ type ipv4_addr ; flags dynamic, timeout ; timeout 60s ; size 10 ; counter ; }",
        ),
        (
            Add(Set(TABLE, "dnat_a", ("inet_service",), ("ipv4_addr", "inet_service"))),
            "add map inet appliance dnat_a { type inet_service : ipv4_addr . inet_service ; }",
        ),
        (
            Add(Elements(GEO, ((ip_network("10.0.0.0/8"), Range(0, 255)), (ip_address("1.2.3.4"), 6)))),
            "add element inet appliance geo_de { 10.0.0.0/8 . 0-255, 1.2.3.4 . 6 }",
        ),
        (
            Delete(Elements(GEO, ((ip_address("1.2.3.4"), 6),))),
            "delete element inet appliance geo_de { 1.2.3.4 . 6 }",
        ),
        (
            Add(Rule(CHAIN, (Match(Field("udp dport"), 5060), ACCEPT), "rule:7")),
            'add rule inet appliance forward_r42 udp dport 5060 accept comment "rule:7"',
        ),
        (Flush(CHAIN), "flush chain inet appliance forward_r42"),
        (Delete(CHAIN), "delete chain inet appliance forward_r42"),
    ],
)
def test_text_of_a_command(command, text):
    assert str(command) == text


def test_a_transaction_is_one_command_a_line():
    assert to_text([Add(TABLE), Add(CHAIN)]) == "add table inet appliance\nadd chain inet appliance forward_r42\n"


@pytest.mark.parametrize("comment", ['say "hi"', "two words", "x" * 121, "line\nbreak", "ümlaut"])
def test_an_operators_text_is_no_comment(comment):
    with pytest.raises(ValueError, match="does not match"):
        str(Add(Rule(CHAIN, (ACCEPT,), comment)))
