# SPDX-License-Identifier: GPL-2.0-or-later
"""What is in force at a time: rules end, a trial ends, and a reboot ends a trial."""

import time
from ipaddress import ip_network

import pytest

from sipalg_core.contract.policy import AlgPolicy, Peering, PolicyError, dump
from sipalg_core.contract.running import Running, dump_trial, in_force, load_trial, running

PROVIDER = (ip_network("203.0.113.1/32"),)
PHONES = (ip_network("192.168.0.0/24"),)


def peering(number, until=None):
    return Peering(f"rule:{number}", "p", PHONES, PROVIDER, until=until)


def policy(revision, *peerings):
    return AlgPolicy(revision, bool(peerings), peerings=peerings)


@pytest.fixture
def files(tmp_path):
    kept, trial = tmp_path / "policy.json", tmp_path / "trial.json"
    kept.write_bytes(dump(policy(1, peering(1))))
    return kept, trial


def test_without_an_end_it_is_in_force_for_good(files):
    assert running(*files) == Running(policy(1, peering(1)), None)


def test_rule_ends_at_its_second_and_its_calls_are_known_to_be_over():
    both = policy(1, peering(1), peering(2, until=1000))
    assert in_force(both, 990, 50) == Running(both, 60)
    after = in_force(both, 1000, 60)
    assert (after.policy.peerings, after.policy.ended, after.until) == ((peering(1),), (peering(2, 1000),), None)
    assert not in_force(policy(1, peering(2, until=1000)), 1000, 60).policy.enabled


def test_trial_is_in_force_until_its_end_and_then_what_was_kept(files):
    kept, trial = files
    trial.write_bytes(dump_trial(policy(2, peering(2)), time.monotonic() + 60))
    now = running(kept, trial)
    assert now.policy.revision == 2
    assert 59 < now.until - time.monotonic() <= 60
    trial.write_bytes(dump_trial(policy(2, peering(2)), time.monotonic() - 0.1))
    assert running(kept, trial) == Running(policy(1, peering(1)), None)
    trial.unlink()  # as a reboot does
    assert running(kept, trial).policy.revision == 1


def test_whatever_ends_first_is_when_to_look_again():
    assert in_force(policy(1, peering(1, until=1000)), 990, 50, until=55).until == 55
    assert in_force(policy(1, peering(1, until=1000)), 990, 50, until=65).until == 60


def test_trial_survives_its_file():
    assert load_trial(dump_trial(policy(2, peering(2, 5.0)), 12.5)) == (policy(2, peering(2, 5.0)), 12.5)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"ends": "x", "policy": {}}', b'{"ends": 1, "policy": {}}'])
def test_file_that_is_no_trial_is_refused(text):
    with pytest.raises(PolicyError):
        load_trial(text)
