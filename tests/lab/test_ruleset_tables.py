# SPDX-License-Identifier: GPL-2.0-or-later
"""Each table of rules with packets: forward, to this device, DNAT, SNAT and masquerade, in IPv4 and IPv6."""

import socket

import pytest

from appliance.ruleset.apply import apply
from appliance.ruleset.policy import Address, Policy, Rule, Service
from tests.lab.kernel_rig import run, within
from tests.lab.ruleset_rig import (
    HOST,
    HOST6,
    INSIDE,
    INTERFACES,
    LAN,
    OUTSIDE,
    OUTSIDE6,
    PEER,
    PEER6,
    STRANGER,
    WAN,
    WHERE,
    namespaces,
)

pytestmark = pytest.mark.lab

TARGET = Address("Target", (HOST, HOST6))
FRIENDS = Address("Friends", (PEER, PEER6))
OUTSIDES = {PEER: OUTSIDE, PEER6: OUTSIDE6}


@pytest.fixture(scope="module")
def wired():
    with namespaces() as wire:
        yield wire


@pytest.fixture
def load(wired, tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))

    def load(*rules):
        wired.inside(apply, Policy(1, "local", INTERFACES, rules), wired.kernel)
        wired.forget()
        return wired

    return load


def rule(action, number=1, **fields):
    return Rule(number, number, f"r{number}", action, **fields)


def service(protocol, ports):
    return Service(f"{protocol} {ports}", protocol, ports)


@pytest.mark.parametrize(("source", "target"), [(HOST, PEER), (HOST6, PEER6)])
@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_forward_one_rule_for_both_families(load, source, target, kind):
    wire = load(rule("accept", service=service(kind, "7000"), from_zone="internal", to_zone="external"))
    assert wire.reach(source, target, 7000, kind=kind) == source
    assert wire.reach(source, target, 7001, kind=kind) is None
    assert wire.reach(target, source, 7000, kind=kind) is None


@pytest.mark.parametrize(("source", "target"), [(HOST, PEER), (HOST6, PEER6)])
def test_reject_answers_and_drop_does_not(load, source, target):
    load(rule("reject", 1, service=service("tcp", "7000")), rule("drop", 2))
    family = socket.AF_INET6 if ":" in source else socket.AF_INET

    def connect(port):
        with socket.socket(family) as connection:
            connection.settimeout(1.5)  # a socket that is busy sending takes the answer to its second SYN
            connection.connect((target, port))

    with pytest.raises(OSError, match=r"Permission denied|Connection refused|No route to host"):
        within(LAN, lambda: connect(7000))
    with pytest.raises(TimeoutError):
        within(LAN, lambda: connect(7001))


@pytest.mark.parametrize("peer", [PEER, PEER6])
def test_to_this_device(load, peer):
    own = OUTSIDES[peer]
    wire = load(rule("accept", table="input", source=FRIENDS, service=service("udp", "1194")))
    assert wire.reach(peer, own, 1194) == peer
    assert wire.reach(peer, own, 1195) is None
    if peer == PEER:
        assert wire.reach(STRANGER, own, 1194) is None


def test_no_rule_locks_the_console_out(load):
    wire = load(rule("drop", table="input"))
    assert wire.reach(HOST, INSIDE, 8000, kind="tcp") == HOST


@pytest.mark.parametrize(("peer", "host"), [(PEER, HOST), (PEER6, HOST6)])
@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_dnat_translates_and_lets_in(load, peer, host, kind):
    wire = load(rule("dnat", table="dnat", from_zone="external", service=service(kind, "443"), target=TARGET,
                     target_port=8443))  # fmt: skip
    assert wire.reach(peer, OUTSIDES[peer], 443, at=host, at_port=8443, kind=kind) == peer
    assert wire.reach(peer, OUTSIDES[peer], 444, at=host, kind=kind) is None
    assert wire.reach(peer, host, 8443, kind=kind) is None


def test_dnat_of_a_range_keeps_the_port_and_its_source_is_limited(load):
    wire = load(rule("dnat", table="dnat", source=FRIENDS, service=service("udp", "10000-20000"), target=TARGET))
    assert wire.reach(PEER, OUTSIDE, 15000, at=HOST) == PEER
    assert wire.reach(STRANGER, OUTSIDE, 15000, at=HOST) is None


def test_dnat_with_an_exemption_before_it(load):
    wire = load(
        rule("accept", 1, table="dnat", source=FRIENDS),
        rule("dnat", 2, table="dnat", service=service("udp", "500"), target=TARGET),
        rule("accept", 3, table="input"),
    )
    assert wire.reach(PEER, OUTSIDE, 500) == PEER
    assert wire.reach(STRANGER, OUTSIDE, 500, at=HOST) == STRANGER


def test_drop_of_forward_stands_before_what_dnat_lets_in(load):
    wire = load(
        rule("dnat", 1, table="dnat", service=service("udp", "500"), target=TARGET),
        rule("drop", 2, source=FRIENDS, destination=TARGET),
    )
    assert wire.reach(PEER, OUTSIDE, 500, at=HOST) is None
    assert wire.reach(STRANGER, OUTSIDE, 500, at=HOST) == STRANGER


OUT = rule("accept", 1, from_zone="internal")


def test_source_address_is_translated(load):
    own = Address("Outside", (OUTSIDE, OUTSIDE6))
    wire = load(OUT, rule("snat", 2, table="snat", to_zone="external", service=service("udp", "7000"), target=own))
    assert wire.reach(HOST, PEER, 7000) == OUTSIDE
    assert wire.reach(HOST6, PEER6, 7000) == OUTSIDE6
    assert wire.reach(HOST, PEER, 7001) == HOST


def test_masquerade_and_its_exemption(load):
    wire = load(
        OUT,
        rule("accept", 2, table="snat", service=service("udp", "7001")),
        rule("masquerade", 3, table="snat", to_zone="external"),
    )
    assert wire.reach(HOST, PEER, 7000) == OUTSIDE
    assert wire.reach(HOST6, PEER6, 7000) == OUTSIDE6
    assert wire.reach(HOST, PEER, 7001) == HOST


def test_counters_know_their_rule(load):
    wire = load(rule("accept", 7, service=service("udp", "7000")))
    wire.reach(HOST, PEER, 7000)
    wire.reach(HOST, PEER, 7000)
    assert wire.kernel.counters("appliance")["rule:7"].packets == 2


def test_list_that_several_rules_ask_is_one_set(load):
    """Of each kind of list; it goes with the rules."""
    strangers = Address("Strangers", (STRANGER, "203.0.113.128/25"))
    lists = {"service": service("both", "7000,7002"), "source": strangers}
    wire = load(
        rule("drop", 1, **lists),
        rule("drop", 2, **lists, destination=FRIENDS),
        rule("accept", 3, service=service("both", "7000,7002")),
    )
    for kind in ("udp", "tcp"):
        assert wire.reach(PEER, HOST, 7002, kind=kind) == PEER
        assert wire.reach(PEER, HOST, 7001, kind=kind) is None
        assert wire.reach(STRANGER, HOST, 7000, kind=kind) is None
    assert wire.ruleset().count("set l_") == 3
    wire = load(rule("accept", 1, service=service("udp", "7000")))
    assert "set l_" not in wire.ruleset()
    assert wire.reach(STRANGER, HOST, 7000) == STRANGER


@pytest.mark.parametrize(("forged", "peer", "target"), [("192.168.0.77", PEER, HOST), ("fd00:a::77", PEER6, HOST6)])
def test_nobody_comes_from_outside_with_an_address_of_the_inside(load, monkeypatch, forged, peer, target):
    wire = load(rule("accept"), rule("accept", 2, table="input"))
    monkeypatch.setitem(WHERE, forged, WAN)
    assert peer in (wire.reach(peer, target, 5000) for _ in range(20))  # neighbours of IPv6 must find each other first
    run("ip", "address", "add", forged, "dev", "lo", *(("nodad",) if ":" in forged else ()), namespace=WAN)
    try:
        assert wire.reach(forged, target, 5000) is None
        assert wire.reach(forged, OUTSIDES[peer], 5000) is None
    finally:
        run("ip", "address", "delete", forged, "dev", "lo", namespace=WAN)
    dropped = [
        line for line in wire.ruleset().splitlines() if "auto:spoofed" in line and f" saddr {target[:6]}" in line
    ]
    assert ["packets 0 " in line for line in dropped] == [False, False]
