# SPDX-License-Identifier: GPL-2.0-or-later
"""What several rules look into is one set; what one rule looks into stays where it is."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from appliance.ruleset.compile import TABLE
from appliance.ruleset.compile.shared import PREFIX, share
from sipalg_core.nft.ruleset import Add, Chain, Flush, Rule, Transaction, to_text
from sipalg_core.nft.statements import ACCEPT, Constant, Field, Interface, Match, Range

CHAIN = Chain(TABLE, "forward_r1")
HOSTS = (ip_network("203.0.113.1"), ip_network("203.0.113.3"))


def transaction(*matches: Match) -> Transaction:
    return (Add(TABLE), Add(CHAIN), Flush(CHAIN), *(Add(Rule(CHAIN, (each, ACCEPT))) for each in matches))


def match(field: str, *values: Constant, operator: str = "==") -> Match:
    return Match(Field(field), values, operator)  # type: ignore[arg-type]


def names(shared: Transaction) -> list[str]:
    return [
        each.what.name
        for each in shared
        if isinstance(each, Add) and hasattr(each.what, "name") and each.what.name.startswith(PREFIX)
    ]


def test_one_set_stands_before_the_rules_that_ask_it() -> None:
    given = transaction(match("ip saddr", *HOSTS), match("ip daddr", *HOSTS, operator="!="))
    shared = share(given)
    (name,) = names(shared)
    assert to_text(shared) == (
        "add table inet appliance\n"
        "add chain inet appliance forward_r1\n"
        "flush chain inet appliance forward_r1\n"
        f"add set inet appliance {name} {{ type ipv4_addr ; size 2 ; elements = {{ 203.0.113.1, 203.0.113.3 }} ; }}\n"
        f"add rule inet appliance forward_r1 ip saddr @{name} accept\n"
        f"add rule inet appliance forward_r1 ip daddr != @{name} accept\n"
    )


def test_present_set_is_asked_and_not_made_again() -> None:
    given = transaction(*[match("ip saddr", *HOSTS)] * 2)
    (name,) = names(share(given))
    again = share(given, [name])
    assert names(again) == []
    assert to_text(again).count(f"@{name} ") == 2


@pytest.mark.parametrize(
    ("field", "values", "flags"),
    [
        ("ip saddr", (ip_network("10.0.0.0/8"), HOSTS[0]), "flags interval"),
        ("th dport", (5060, Range(10000, 20000)), "flags interval"),
        ("meta l4proto", ("tcp", "udp"), "size 2"),
        ("iifname", (Interface("lan0"), Interface("lan1")), "size 2"),
        ("ip6 daddr", (ip_network("2001:db8::1"), ip_network("2001:db8::2")), "size 2"),
    ],
)
def test_only_ranges_and_networks_need_intervals(field: str, values: tuple[Constant, ...], flags: str) -> None:
    text = to_text(share(transaction(*[match(field, *values)] * 2)))
    assert f"; {flags} ;" in text


@pytest.mark.parametrize(
    "matches",
    [
        [match("ip saddr", *HOSTS)],
        [match("ip saddr", *HOSTS), match("ip saddr", HOSTS[0], ip_network("203.0.113.4"))],
        [match("ct state", "established", "related")] * 2,
        [match("iifname", Interface("ppp*"), Interface("lan0"))] * 2,
        [Match(Field("ip saddr"), HOSTS[0])] * 2,
        [Match(Field("th dport"), Range(1, 9))] * 2,
    ],
    ids=["asked once", "two lists", "no type", "names that begin so", "no list", "a range"],
)
def test_all_else_stays_as_it_is(matches: list[Match]) -> None:
    given = transaction(*matches)
    assert share(given) is given


def test_name_says_type_and_values() -> None:
    given = [
        *[match("ip saddr", *HOSTS)] * 2,
        *[match("ip saddr", *HOSTS, ip_network("203.0.113.9"))] * 2,
        *[match("th dport", 6, 17)] * 2,
        *[match("meta l4proto", 6, 17)] * 2,
    ]
    assert len(set(names(share(transaction(*given))))) == 4
