# SPDX-License-Identifier: GPL-2.0-or-later
"""What acts on top of a revision, with packets: at once, alone, to its end, and with nothing of ours alive."""

import time
from dataclasses import replace

import pytest

from appliance.ruleset.apply import activate, apply, revert, standing
from appliance.ruleset.policy import Activation, Address, Policy, Rule, Service
from tests.lab.ruleset_rig import HOST, INTERFACES, OUTSIDE, PEER, STRANGER, namespaces, passes

pytestmark = pytest.mark.lab

WEB = Service("Web", "tcp", "80")
TARGET = Address("Target", (HOST,))
FORWARD = Rule(1, 1, "out", "accept", service=WEB, enabled=False)
DNAT = Rule(2, 1, "in", "dnat", service=WEB, table="dnat", target=TARGET, enabled=False)
CONSOLE = Rule(
    0, 0, "console", "accept", source=Address("Support", (PEER,)), service=WEB, table="input", from_zone="external"
)
CASES = {
    "forward": (FORWARD, HOST, PEER, None),
    "dnat": (DNAT, PEER, OUTSIDE, HOST),
    "input": (CONSOLE, PEER, OUTSIDE, None),
}
PLAIN = Policy(1, "local", INTERFACES, (Rule(3, 1, "dns", "accept", service=Service("DNS", "udp", "53")),))


@pytest.fixture
def wire(tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    with namespaces() as wire:
        wire.inside(apply, PLAIN, wire.kernel)
        yield wire


def on_top(wire, *activations, policy=PLAIN):
    wire.inside(activate, replace(policy, activations=activations), wire.kernel)


def ended_at(connection, deadline):
    while passes(*connection):
        assert time.time() < deadline + 5, "still open"
        time.sleep(0.05)
    return time.time()


@pytest.mark.parametrize("name", CASES)
def test_acts_at_once_and_ends_to_the_second_for_new_and_open_connections(wire, name):
    rule, source, target, at = CASES[name]
    assert wire.reach(source, target, 80, at=at, kind="tcp") is None
    until = int(time.time()) + 3
    on_top(wire, Activation(1, until, rule))
    with wire.connection(source, target, 80, at=at) as connection:
        assert passes(*connection)
        ended = ended_at(connection, until)
    assert until - 0.3 <= ended <= until + 1
    assert wire.reach(source, target, 80, at=at, kind="tcp") is None


@pytest.mark.parametrize("name", CASES)
def test_taken_back_it_cuts_its_connections_and_only_those(wire, name):
    rule, source, target, at = CASES[name]
    other = replace(FORWARD, id=9, service=Service("Other", "tcp", "81"))
    on_top(wire, Activation(1, None, rule), Activation(2, None, other))
    with wire.connection(source, target, 80, at=at) as cut, wire.connection(HOST, PEER, 81) as kept:
        assert passes(*cut)
        on_top(wire, Activation(2, None, other))
        assert not passes(*cut)
        assert passes(*kept)
    assert wire.reach(source, target, 80, at=at, kind="tcp") is None


@pytest.mark.parametrize("name", CASES)
def test_survives_applies_and_trials_without_changing_them(wire, name):
    rule, source, target, at = CASES[name]
    acting = Activation(1, int(time.time()) + 600, rule)
    on_top(wire, acting)
    with wire.connection(source, target, 80, at=at) as connection:
        later = replace(PLAIN, revision=2, activations=(acting,))
        wire.inside(apply, later, wire.kernel, replace(PLAIN, activations=(acting,)), 60)
        assert standing(wire.kernel).deciding == 2
        assert passes(*connection)
        on_top(wire, acting, policy=later)
        assert standing(wire.kernel).left is not None
        wire.inside(revert, replace(PLAIN, activations=(acting,)), wire.kernel)
        assert standing(wire.kernel).deciding == 1
        assert passes(*connection)
    assert wire.reach(source, target, 80, at=at, kind="tcp") is not None


@pytest.mark.parametrize("days", [1, 366, 9999])
def test_end_that_is_far_away_is_taken_by_the_kernel(wire, days):
    on_top(wire, Activation(1, int(time.time()) + days * 86400, FORWARD))
    assert wire.reach(HOST, PEER, 80, kind="tcp") == HOST


def test_counters_of_the_revision_go_on(wire):
    assert wire.reach(HOST, PEER, 53) == HOST
    on_top(wire, Activation(1, None, FORWARD))
    assert wire.inside(wire.kernel.counters, "appliance")["rule:3"].packets == 1


def test_end_holds_where_the_clock_is_set_back(wire):
    """The kernel ends a mark by its own ticks; `meta time` alone would open it again."""
    until = int(time.time()) + 4
    on_top(wire, Activation(1, until, replace(FORWARD, id=1)))
    with wire.connection(HOST, PEER, 80) as connection:
        ended_at(connection, until)
        time.sleep(max(0.0, until + 0.2 - time.time()))
        left = wire.ruleset().split("set live_activations")[1].split("}")[0]
        assert "elements" not in left


def test_exempt_servers_pass_plainly_and_only_they(wire):
    sip = Rule(
        4, 2, "sip", "accept", source=Address("Phones", (HOST,)), destination=Address("Provider", (PEER, STRANGER)),
        service=Service("SIP", "udp", "5060", "sip"),
    )  # fmt: skip
    policy = replace(PLAIN, rules=(*PLAIN.rules, sip))
    wire.inside(apply, policy, wire.kernel)
    assert wire.reach(HOST, PEER, 5060) is None, "without a broker nobody takes it, and the rule opens nothing"
    until = int(time.time()) + 2
    on_top(wire, Activation(1, until, exempt=(PEER,)), policy=policy)
    assert wire.reach(HOST, PEER, 5060) == HOST
    assert wire.reach(HOST, STRANGER, 5060) is None
    time.sleep(max(0.0, until + 0.1 - time.time()))
    assert wire.reach(HOST, PEER, 5060) is None
