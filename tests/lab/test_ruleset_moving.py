# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects that move, with packets: names, countries and mixtures; a change of content touches no rule."""

import re
import time
from dataclasses import replace

import pytest

from appliance.ruleset import apply as applying
from appliance.ruleset import sets
from appliance.ruleset.policy import Address, Policy, Rule, Service
from appliance.ruleset.spans import fixed
from sipalg_core.contract import names
from tests.lab.ruleset_rig import HOST, HOST6, INTERFACES, OUTSIDE, OUTSIDE6, PEER, PEER6, STRANGER, namespaces

pytestmark = pytest.mark.lab

NAME = Address("Name", (), lookups=("address:peer.example",))
COUNTRY = Address("Country", (), countries=("AA",))
ELSEWHERE = replace(COUNTRY, name="Elsewhere", negated=True)
MIXED = Address("Mixed", ("203.0.113.64/28",), lookups=("address:peer.example",))


@pytest.fixture(scope="module")
def wired():
    with namespaces() as wire:
        deadline = time.monotonic() + 20
        while wire.reach(PEER6, HOST6, 6999) is None:  # the neighbours of IPv6 must find each other first
            assert time.monotonic() < deadline
        yield wire


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    return tmp_path


@pytest.fixture
def wire(wired, state):
    yield wired
    wired.inside(applying.apply, Policy(99, "local", INTERFACES), wired.kernel)
    assert not re.search("set [sl]_", wired.ruleset())


def policy(address, *values, revision=1, action="accept", **fields):
    rule = Rule(1, 1, "r1", action, replace(address, content=fixed(*values)), **fields)
    return Policy(revision, "local", INTERFACES, (rule,))


def load(wire, given, fallback=None, window=0):
    result = wire.inside(applying.apply, given, wire.kernel, fallback, window)
    wire.forget()
    return result


def move(wire, given):
    wire.inside(applying.move, given, wire.kernel)
    wire.forget()


def reaches(wire, source):
    return wire.reach(source, HOST6 if ":" in source else HOST, 7000) == source


@pytest.mark.parametrize("peer", [PEER, PEER6])
def test_name_lets_in_what_it_resolves_to(wire, peer):
    load(wire, policy(NAME, PEER, PEER6))
    assert reaches(wire, peer)
    assert not reaches(wire, STRANGER)


@pytest.mark.parametrize("peer", [PEER, PEER6])
def test_country_lets_in_its_ranges_and_negation_all_others(wire, peer):
    ranges = ("203.0.113.0-203.0.113.2", "2001:db8:a::/56")
    load(wire, policy(COUNTRY, *ranges))
    assert reaches(wire, peer)
    assert not reaches(wire, STRANGER)
    load(wire, policy(ELSEWHERE, *ranges))
    assert not reaches(wire, peer)
    assert reaches(wire, STRANGER)


def test_group_of_a_name_and_a_network(wire):
    load(wire, policy(MIXED, *MIXED.values, PEER6))
    assert reaches(wire, STRANGER)
    assert reaches(wire, PEER6)
    assert not reaches(wire, PEER)


@pytest.mark.parametrize("peer", [PEER, PEER6])
def test_source_of_dnat_is_a_name(wire, peer):
    service = Service("one", "udp", "9000")
    target = Address("Target", (HOST, HOST6))
    load(wire, policy(NAME, peer, action="dnat", table="dnat", service=service, target=target))
    outside, host = (OUTSIDE6, HOST6) if ":" in peer else (OUTSIDE, HOST)
    assert wire.reach(peer, outside, 9000, at=host) == peer
    assert wire.reach(STRANGER, OUTSIDE, 9000, at=HOST) is None


def test_content_changes_without_a_revision(wire):
    load(wire, policy(NAME, PEER))
    assert reaches(wire, PEER)
    before = re.findall(r"handle \d+|packets \d+", wire.inside(_rules, wire.kernel))
    move(wire, policy(NAME, STRANGER, PEER6))
    assert re.findall(r"handle \d+|packets \d+", wire.inside(_rules, wire.kernel)) == before
    assert not reaches(wire, PEER)
    assert reaches(wire, STRANGER)
    assert reaches(wire, PEER6)


def _rules(kernel):
    return " ".join(
        f"handle {item['rule']['handle']}" for item in kernel.list_table(names.APPLIANCE_TABLE) if "rule" in item
    )


def test_unchanged_content_is_not_written_again(wire, monkeypatch):
    load(wire, policy(COUNTRY, "203.0.113.0/28"))
    with monkeypatch.context() as patched:
        patched.setattr(sets, "RangeTable", None)
        load(wire, policy(COUNTRY, "203.0.113.0/28", revision=2))
    assert reaches(wire, PEER)


def test_trial_of_another_definition_leaves_the_set_of_the_fallback(wire):
    first = policy(NAME, PEER)
    second = policy(replace(NAME, lookups=("address:other.example",)), STRANGER, revision=2)
    load(wire, first)
    load(wire, second, first, 30)
    assert reaches(wire, STRANGER)
    assert not reaches(wire, PEER)
    wire.inside(applying.revert, first, wire.kernel)
    wire.forget()
    assert reaches(wire, PEER)
    assert len(set(re.findall(r"set (s_[0-9a-f]+)_", wire.ruleset()))) == 1


def test_sets_come_back_from_their_files_without_a_database(wire):
    given = policy(COUNTRY, "203.0.113.0/28", "2001:db8:a::/56")
    load(wire, given)
    wire.inside(wire.kernel.apply, tuple(_delete_table()))
    assert wire.inside(sets.restore, wire.kernel) == [COUNTRY.set]
    assert "203.0.113.0/28 . 0-255" in wire.ruleset()
    assert "2001:db8:a::/56 . 0-255" in wire.ruleset()
    load(wire, given)
    assert reaches(wire, PEER)


def _delete_table():
    from sipalg_core.nft.ruleset import Delete, Table

    yield Delete(Table(names.APPLIANCE_TABLE))


def test_interrupted_change_is_finished_from_what_the_kernel_holds(wire, state, monkeypatch):
    """netadmin is killed after the first transaction of three, and comes back."""
    monkeypatch.setattr(sets, "CHUNK", 10)
    many = [f"198.51.100.{2 * each}" for each in range(30)]
    load(wire, policy(COUNTRY, "192.0.2.0/24", "192.0.3.3"))
    done = []

    class Dying(sets.RangeTable):
        def change(self, name, **what):
            if done:
                raise KeyboardInterrupt
            done.append(name)
            super().change(name, **what)

    with monkeypatch.context() as killed:
        killed.setattr(sets, "RangeTable", Dying)
        with pytest.raises(KeyboardInterrupt):
            move(wire, policy(COUNTRY, *many))
    assert (state / "sets" / f".{COUNTRY.set}").exists()
    move(wire, policy(COUNTRY, *many, "203.0.113.0/24"))
    assert wire.ruleset().count("198.51.100.") == 30  # once each, in one generation
    assert "192.0.2.0" not in wire.ruleset()
    assert reaches(wire, PEER)


def test_overlapping_ranges_move_in_one_transaction(wire):
    load(wire, policy(COUNTRY, "203.0.113.0-203.0.113.20", "203.0.113.30-203.0.113.70"))
    move(wire, policy(COUNTRY, "203.0.113.10-203.0.113.40", "203.0.113.66"))
    assert not reaches(wire, PEER)
    assert reaches(wire, STRANGER)
    assert "203.0.113.10-203.0.113.40 . 0-255" in wire.ruleset()


def test_twenty_thousand_ranges(wire):
    ranges = [f"100.{a}.{b}.0/25" for a in range(64, 128) for b in range(256)] + ["203.0.113.0/30"]
    load(wire, policy(COUNTRY, *ranges))
    assert reaches(wire, PEER)
    assert not reaches(wire, STRANGER)
    move(wire, policy(COUNTRY, *ranges[:-1:2], "203.0.113.64/28"))
    assert not reaches(wire, PEER)
    assert reaches(wire, STRANGER)
