# SPDX-License-Identifier: GPL-2.0-or-later
"""The pinhole contract as a table: what is asked for, and the rule that refuses it."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.broker.guard import LONGEST_LIFETIME, MAXIMUM_PER_INTERNAL_HOST, NOT_MEDIA, Guard
from sipalg_core.broker.layout import MAXIMUM_PINHOLES
from sipalg_core.contract.control import Pinhole
from sipalg_core.contract.policy import EMPTY, AlgPolicy, Interface, Peering, PortRange
from sipalg_core.net import Endpoint, Side

POLICY = AlgPolicy(
    revision=1,
    interfaces=(
        Interface("lan0", Side.INTERNAL, ("192.168.0.1",), (ip_network("192.168.0.0/24"),)),
        Interface("wan0", Side.EXTERNAL, ("203.0.113.2", "2001:db8::2")),
    ),
    peerings=(
        Peering(
            "rule:1", "a", (ip_network("192.168.0.0/28"), ip_network("fd00::/64")), (ip_network("203.0.113.1/32"),)
        ),
        Peering("rule:2", "b", (ip_network("10.9.0.0/16"),), (ip_network("203.0.113.1/32"),), ports=(5070,)),
        Peering(
            "rule:3", "c", (ip_network("10.8.0.1/32"),), (ip_network("203.0.113.1/32"),),
            media_hosts=(ip_network("192.168.0.77/32"),),
        ),
    ),
)  # fmt: skip
GOOD = Pinhole(1, Endpoint("192.168.0.10", 4000), Endpoint("203.0.113.2", 20000), Endpoint("203.0.113.99", 7000), 60)


def internal(host, port=4000):
    return GOOD._replace(internal=Endpoint(host, port))


def mapped(host, port=20000):
    return GOOD._replace(mapped=Endpoint(host, port))


def external(host, port=7000):
    return GOOD._replace(external=Endpoint(host, port))


@pytest.mark.parametrize(
    ("rule", "hole"),
    [
        (0, GOOD),
        (0, external("203.0.113.99", 0)),
        (0, external("100.64.0.1")),  # a provider's private network is none of ours
        (0, internal("10.9.1.1")),
        (0, internal("192.168.0.77")),  # sends media for a peer
        (0, mapped("203.0.113.2", 29999)),
        (2, internal("192.168.0.66")),
        (2, internal("203.0.113.99")),
        (3, external("192.168.0.20")),
        (3, external("10.9.2.2")),
        (3, external("192.168.0.1")),
        (3, external("203.0.113.2")),
        (3, external("127.0.0.1")),
        (3, external("169.254.1.1")),
        (3, external("224.0.0.1")),
        (3, external("255.255.255.255")),
        (3, external("240.0.0.1")),
        (3, external("0.0.0.0")),
        (3, external("0.1.2.3")),
        (3, external("::1")),
        (3, external("fe80::1")),
        (3, external("ff02::1")),
        (3, external("fd00::5")),
        (3, external("2001:db8::2")),
        (3, external("::ffff:192.168.0.20")),
        (3, external("::192.168.0.20")),
        (3, external("64:ff9b::c0a8:14")),
        (3, external("2002:c0a8:14::1")),
        (4, external("2001:db8:1::9")),
        (4, internal("fd00::10")),
        *((5, internal("192.168.0.10", port)) for port in (0, 1, 1023, *NOT_MEDIA)),
        (0, internal("192.168.0.10", 1024)),
        (0, internal("192.168.0.10", 65535)),
        (6, mapped("203.0.113.3")),
        (6, mapped("192.168.0.1")),
        (6, mapped("203.0.113.2", 19999)),
        (6, mapped("203.0.113.2", 30000)),
        (6, mapped("203.0.113.2", 5060)),
        (8, GOOD._replace(lifetime=0)),
        (8, GOOD._replace(lifetime=LONGEST_LIFETIME + 1)),
    ],
)
def test_the_contract(rule, hole):
    assert Guard(POLICY).check(hole, 0, 0) == rule


GOOD6 = Pinhole(1, Endpoint("fd00::10", 4000), Endpoint("2001:db8::2", 20000), Endpoint("2001:db8:1::9", 7000), 60)


@pytest.mark.parametrize(
    ("rule", "changed"),
    [
        (0, {}),
        (2, {"internal": Endpoint("fd01::10", 4000)}),
        (3, {"external": Endpoint("fd00::11", 7000)}),
        (3, {"external": Endpoint("::ffff:203.0.113.99", 7000)}),
        (3, {"external": Endpoint("64:ff9b::cb00:7163", 7000)}),
        (3, {"external": Endpoint("64:ff9b:1::1", 7000)}),
        (3, {"external": Endpoint("2002:cb00:7163::1", 7000)}),
        (3, {"external": Endpoint("2001:0:cb00:7163::1", 7000)}),
        (3, {"external": Endpoint("ff02::1", 7000)}),
        (3, {"external": Endpoint("fe80::1", 7000)}),
        (3, {"external": Endpoint("::", 7000)}),
        (3, {"external": Endpoint("::1", 7000)}),
        (4, {"mapped": Endpoint("203.0.113.2", 20000)}),
        (6, {"mapped": Endpoint("2001:db8::3", 20000)}),
    ],
)
def test_the_contract_in_ipv6(rule, changed):
    assert Guard(POLICY).check(GOOD6._replace(**changed), 0, 0) == rule


def test_a_peering_with_anybody_does_not_make_the_world_ours():
    everybody = replace(POLICY.peerings[0], internal=(ip_network("0.0.0.0/0"),))
    guard = Guard(replace(POLICY, peerings=(everybody,)))
    assert guard.check(GOOD, 0, 0) == 0
    assert guard.check(external("192.168.0.20"), 0, 0) == 3


@pytest.mark.parametrize(
    ("rule", "opened", "by_host"),
    [
        (0, MAXIMUM_PINHOLES - 1, MAXIMUM_PER_INTERNAL_HOST - 1),
        (9, MAXIMUM_PINHOLES, 0),
        (9, MAXIMUM_PINHOLES - 1, MAXIMUM_PER_INTERNAL_HOST),
    ],
)
def test_caps(rule, opened, by_host):
    assert Guard(POLICY).check(GOOD, opened, by_host) == rule


@pytest.mark.parametrize("policy", [EMPTY, replace(POLICY, enabled=False)])
def test_an_alg_that_is_off_opens_nothing(policy):
    assert Guard(policy).check(GOOD, 0, 0) == 2
    assert Guard(policy).check_socket(Endpoint("0.0.0.0", 5060)) == 6


@pytest.mark.parametrize(
    ("rule", "port"), [(0, 5060), (0, 5070), (0, 30000), (0, 30999), (6, 31000), (6, 20000), (6, 22), (6, 0), (6, 5061)]
)
def test_sockets_take_signalling_only(rule, port):
    assert Guard(POLICY).check_socket(Endpoint("0.0.0.0", port)) == rule


@pytest.mark.parametrize(
    ("rule", "at"),
    [
        (0, Endpoint("0.0.0.0", 5060)),
        (0, Endpoint("::", 30000)),
        (0, Endpoint("203.0.113.2", 30000)),
        (0, Endpoint("203.0.113.1", 49152)),  # the provider, whatever port it came from
        (6, Endpoint("0.0.0.0", 22)),
        (6, Endpoint("203.0.113.2", 20000)),
        (6, Endpoint("203.0.113.66", 5060)),
        (6, Endpoint("192.168.0.10", 5060)),
        (6, Endpoint("192.168.0.1", 5060)),
    ],
)
def test_streams_speak_for_us_and_for_providers_only(rule, at):
    assert Guard(POLICY).check_stream(at) == rule


def test_an_alg_that_is_off_has_no_streams():
    assert Guard(replace(POLICY, enabled=False)).check_stream(Endpoint("203.0.113.1", 5060)) == 6


@pytest.mark.parametrize(
    ("host", "seconds", "rule"),
    [
        ("203.0.113.66", 60, 0),
        ("203.0.113.66", LONGEST_LIFETIME, 0),
        ("203.0.113.66", 0, 11),
        ("203.0.113.66", LONGEST_LIFETIME + 1, 11),
        ("203.0.113.1", 60, 11),  # the provider
        ("203.0.113.2", 60, 11),  # us
        ("192.168.0.99", 60, 11),  # inside
        ("127.0.0.1", 60, 11),
        ("224.0.0.1", 60, 11),
    ],
)
def test_who_may_be_banned_and_for_how_long(host, seconds, rule):
    assert Guard(POLICY).check_ban(host, seconds) == rule
    assert Guard(EMPTY).check_ban(host, seconds) == 11


ROUTED = replace(
    POLICY,
    interfaces=(
        *POLICY.interfaces,
        Interface("dmz0", Side.INTERNAL, ("192.0.2.1",), (ip_network("192.0.2.0/24"),)),
    ),
    peerings=(
        replace(POLICY.peerings[0], translate="ipv4"),
        replace(POLICY.peerings[1], translate="none"),
        Peering(
            "rule:3", "sbc", (ip_network("192.168.0.0/28"),), (ip_network("192.0.2.10/32"),),
            media=(ip_network("192.0.2.11/32"),), translate="none",
        ),
    ),
)  # fmt: skip


def own(host, port=4000, far="203.0.113.99"):
    at = Endpoint(host, port)
    return Pinhole(1, at, at, Endpoint(far, 7000), 60)


@pytest.mark.parametrize(
    ("rule", "hole"),
    [
        (0, own("10.9.1.1")),
        (0, own("fd00::10", far="2001:db8:1::9")),
        (6, own("10.9.1.1")._replace(mapped=Endpoint("10.9.1.1", 4002))),  # another port of its own
        (6, own("10.9.1.1")._replace(mapped=Endpoint("10.9.1.2", 4000))),
        (5, own("10.9.1.1", 5060)),
        (2, own("10.8.1.1")),
        (3, own("10.9.1.1", far="192.168.0.10")),  # inside, and no party of that rule
        (3, own("10.9.1.1", far="192.0.2.10")),
        (0, own("192.168.0.10", far="192.0.2.10")),
        (0, own("192.168.0.10", far="192.0.2.11")),
        (3, own("192.168.0.10", far="192.0.2.12")),
        (3, own("192.168.0.10", far="192.0.2.1")),  # us
        (0, GOOD),  # what is translated goes on as before
    ],
)
def test_routed_pinholes_are_of_the_hosts_that_keep_their_address(rule, hole):
    assert Guard(ROUTED).check(hole, 0, 0) == rule


def test_no_pinhole_names_the_internal_endpoint_where_all_is_translated():
    assert Guard(POLICY).check(own("10.9.1.1"), 0, 0) == 6


@pytest.mark.parametrize(
    ("rule", "at"),
    [
        (0, Endpoint("10.9.1.1", 50123)),
        (0, Endpoint("fd00::10", 5060)),
        (0, Endpoint("203.0.113.1", 40000)),
        (6, Endpoint("10.8.1.1", 50123)),
        (6, Endpoint("0.0.0.0", 50123)),
        (6, Endpoint("192.168.0.1", 5060)),
    ],
)
def test_sockets_speak_for_hosts_that_keep_their_address(rule, at):
    assert Guard(ROUTED).check_socket(at) == rule
    assert Guard(ROUTED).check_stream(at) == rule


def test_mapping_that_the_kernel_has_outlives_another_range_of_ports():
    moved = Guard(replace(POLICY, media_ports=PortRange(40000, 40999)))
    assert moved.check(GOOD, 0, 0) == 6
    assert moved.check(GOOD, 0, 0, translated=True) == 0
    assert moved.check(internal("192.168.0.66"), 0, 0, translated=True) == 2  # no excuse for anything else


@pytest.mark.parametrize(
    ("host", "port", "may"),
    [
        ("203.0.113.2", 40000, True),
        ("203.0.113.2", 20000, False),  # a media port, of whoever it was given to
        ("203.0.113.2", 5060, False),
        ("203.0.113.2", 30000, False),  # signalling
        ("203.0.113.2", 1023, False),
        ("192.168.0.1", 40000, False),
        ("203.0.113.99", 40000, False),
    ],
)
def test_only_what_we_do_not_give_away_is_pinned_to_a_telephone(host, port, may):
    assert Guard(POLICY).may_be_pinned(Endpoint(host, port)) is may


LEARNT = GOOD._replace(learnt=True)


@pytest.mark.parametrize(
    ("rule", "hole", "words"),
    [
        (0, LEARNT, {}),
        (0, LEARNT._replace(external=Endpoint("203.0.113.96", 1)), {}),
        (0, GOOD6._replace(external=Endpoint("2001:db8:1::77", 7000)), {}),
        (3, LEARNT, {"learn_media": False}),
        (3, LEARNT, {"media": ()}),
        (3, LEARNT, {"media": (ip_network("0.0.0.0/0"),)}),  # that would be anybody
        (3, LEARNT, {"internal": (ip_network("192.168.0.11/32"),)}),  # the rule of another telephone
        (3, LEARNT._replace(external=Endpoint("203.0.113.95", 7000)), {}),
        (3, GOOD6._replace(external=Endpoint("2001:db8:2::77", 7000)), {}),
        (4, LEARNT._replace(external=Endpoint("203.0.113.99", 0)), {}),
    ],
)
def test_what_may_be_learnt(rule, hole, words):
    networks = (ip_network("203.0.113.96/28"), ip_network("2001:db8:1::/64"))
    peering = replace(POLICY.peerings[0], **({"learn_media": True, "media": networks} | words))
    assert Guard(replace(POLICY, peerings=(peering,))).may_be_learnt(hole) == rule
