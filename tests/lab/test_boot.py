# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine begins: default deny, then the revision that was kept last, with no database and no Redis; packets tell."""

import os
import subprocess
from dataclasses import replace

import pytest

from appliance.ruleset.apply import apply, confirm, kept, standing
from appliance.ruleset.policy import Policy, Rule, Service
from sipalg_core.contract import names
from tests.lab.kernel_rig import ROOT, run
from tests.lab.ruleset_rig import BOX, HOST, INTERFACES, PEER, namespaces

pytestmark = pytest.mark.lab


def allowing(revision, port):
    rule = Rule(1, 1, "x", "accept", service=Service("x", "udp", str(port)))
    return Policy(revision, "local", INTERFACES, (rule,))


@pytest.fixture
def wire(tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    with namespaces() as wire:
        wire.inside(apply, allowing(1, 1000), wire.kernel)
        yield wire


def booted(wire):
    """As a machine that has lost all but its disk; what was said."""
    run("nft", "flush", "ruleset", namespace=BOX)
    wire.forget()
    environment = dict(os.environ) | {"DJANGO_SETTINGS_MODULE": "nothing.that.exists"}
    command = ("ip", "netns", "exec", BOX, str(ROOT / "deploy/boot"))
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_what_was_kept_decides_and_what_was_on_trial_does_not(wire):
    wire.inside(apply, allowing(2, 2000), wire.kernel, allowing(1, 1000), 60)
    assert wire.reach(HOST, PEER, 2000)
    done = booted(wire)
    assert (done.returncode, wire.inside(standing, wire.kernel).deciding) == (0, 1), done.stderr
    assert wire.reach(HOST, PEER, 1000)
    assert wire.reach(HOST, PEER, 2000) is None


def test_confirmed_revision_is_what_the_next_boot_loads(wire):
    wire.inside(apply, allowing(2, 2000), wire.kernel, allowing(1, 1000), 60)
    wire.inside(confirm, 2, wire.kernel)
    wire.inside(kept, allowing(2, 2000), wire.kernel)
    assert booted(wire).returncode == 0
    assert wire.reach(HOST, PEER, 2000)
    assert wire.reach(HOST, PEER, 1000) is None


@pytest.mark.parametrize("damage", ["missing", "truncated", "changed", "empty"])
def test_default_deny_stays_where_the_file_is_not_what_was_written(wire, damage):
    file = names.boot_file()
    content = file.read_bytes()
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(
            {"truncated": content[:-40], "changed": content.replace(b"1000", b"1001"), "empty": b""}[damage]
        )
    done = booted(wire)
    assert "default deny stays" in done.stderr
    assert done.returncode == (0 if damage == "missing" else 1)
    assert "policy drop" in wire.ruleset()
    for port in (1000, 1001):
        assert wire.reach(HOST, PEER, port) is None
    assert wire.reach(HOST, "192.168.0.1", 22, kind="tcp") is None


def test_first_apply_after_default_deny_finds_its_place(wire):
    names.boot_file().unlink()
    booted(wire)
    wire.inside(apply, allowing(3, 3000), wire.kernel)
    assert wire.reach(HOST, PEER, 3000)
    assert wire.inside(standing, wire.kernel).deciding == 3


def test_ruleset_that_stands_is_left_alone(wire):
    before = wire.ruleset()
    done = subprocess.run(
        ("ip", "netns", "exec", BOX, str(ROOT / "deploy/boot")), capture_output=True, text=True, check=True
    )
    assert "stands already" in done.stderr
    assert wire.ruleset() == before


def test_rule_with_an_end_keeps_it_over_a_boot(wire):
    ended = replace(allowing(4, 4000), rules=(replace(allowing(4, 4000).rules[0], until=1_000_000_000),))
    wire.inside(apply, ended, wire.kernel)
    assert booted(wire).returncode == 0
    assert wire.reach(HOST, PEER, 4000) is None
