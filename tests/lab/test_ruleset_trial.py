# SPDX-License-Identifier: GPL-2.0-or-later
"""A revision on trial: the kernel alone goes back, a late confirmation fails whole, packets tell who decides."""

import time
from dataclasses import replace

import pytest

from appliance.ruleset.apply import Standing, WindowEnded, apply, confirm, extend, revert, standing
from appliance.ruleset.policy import Policy, Rule, Service
from sipalg_core.contract import names
from sipalg_core.contract import policy as alg
from sipalg_core.contract.running import running
from tests.lab.kernel_rig import run
from tests.lab.ruleset_rig import BOX, HOST, INTERFACES, PEER, namespaces, passes

pytestmark = pytest.mark.lab


def allowing(revision, *ports):
    rules = tuple(
        Rule(port, number, f"to {port}", "accept", service=Service(str(port), "both", str(port)))
        for number, port in enumerate(ports, start=1)
    )
    return Policy(revision, "local", INTERFACES, rules)


OLD, NEW = allowing(1, 1000, 2000), allowing(2, 1000, 3000)


@pytest.fixture
def wire(tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    with namespaces() as wire:
        wire.inside(apply, OLD, wire.kernel)
        yield wire


def open_ports(wire):
    return [port for port in (1000, 2000, 3000) if wire.reach(HOST, PEER, port)]


def test_nobody_confirms_and_the_kernel_goes_back_by_itself(wire):
    """Nothing of ours runs between the apply and the last packet."""
    with wire.connection(HOST, PEER, 1000) as both_allow:
        result = wire.inside(apply, NEW, wire.kernel, OLD, 3)
        ends = time.monotonic() + 3
        assert result.window == 3
        assert open_ports(wire) == [1000, 3000]
        assert wire.inside(standing, wire.kernel).deciding == 2
        time.sleep(max(0.0, ends + 0.1 - time.monotonic()))
        assert open_ports(wire) == [1000, 2000]
        assert passes(*both_allow)
    assert wire.inside(standing, wire.kernel) == Standing(1)


def test_confirmed_revision_stays_and_the_old_one_is_gone(wire):
    wire.inside(apply, NEW, wire.kernel, OLD, 2)
    wire.inside(confirm, 2, wire.kernel)
    time.sleep(2.1)
    assert open_ports(wire) == [1000, 3000]
    assert wire.inside(standing, wire.kernel) == Standing(2)
    assert "_r1 " not in wire.ruleset()


def test_late_confirmation_and_late_extension_change_nothing(wire):
    wire.inside(apply, NEW, wire.kernel, OLD, 1)
    time.sleep(1.1)
    before = wire.ruleset()
    for late in (lambda: wire.inside(confirm, 2, wire.kernel), lambda: wire.inside(extend, wire.kernel, 60)):
        with pytest.raises(WindowEnded):
            late()
    assert wire.ruleset() == before
    assert open_ports(wire) == [1000, 2000]


def test_extended_trial_lasts_longer(wire):
    wire.inside(apply, NEW, wire.kernel, OLD, 1)
    wire.inside(extend, wire.kernel, 30)
    time.sleep(1.1)
    assert open_ports(wire) == [1000, 3000]
    assert 27 <= wire.inside(standing, wire.kernel).left <= 30


def test_going_back_cleans_up_and_the_alg_follows(wire):
    wire.inside(apply, NEW, wire.kernel, OLD, 60)
    assert running(names.policy_file(), names.trial_file()).policy.revision == 2
    assert alg.read(names.policy_file()).revision == 1
    counters = wire.inside(wire.kernel.counters, "appliance")
    assert "rule:2000" in counters
    wire.inside(revert, OLD, wire.kernel)
    assert alg.read(names.policy_file()).revision == 1
    assert open_ports(wire) == [1000, 2000]
    assert "_r2 " not in wire.ruleset()
    assert wire.inside(standing, wire.kernel) == Standing(1)


def test_fallback_that_the_kernel_has_lost_is_loaded_with_the_trial(wire):
    run("nft", "flush", "ruleset", namespace=BOX)
    wire.inside(apply, NEW, wire.kernel, OLD, 1)
    assert open_ports(wire) == [1000, 3000]
    time.sleep(1.1)
    assert open_ports(wire) == [1000, 2000]


def test_another_revision_on_trial_replaces_the_first(wire):
    wire.inside(apply, NEW, wire.kernel, OLD, 60)
    wire.inside(apply, replace(NEW, revision=3), wire.kernel, OLD, 60)
    text = wire.ruleset()
    assert "_r2 " not in text
    assert wire.inside(standing, wire.kernel).deciding == 3
    assert "_r1 " in text
