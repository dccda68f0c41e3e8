# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin's tasks with a real kernel and real rows: what the console says is what the kernel does."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from appliance.firewall.queries import hits
from appliance.firewall.tasks import count_hits
from appliance.ruleset import policy
from appliance.ruleset.apply import apply, confirm, standing
from appliance.system import tasks
from appliance.system.models import Revision, State
from sipalg_core.contract import names
from sipalg_core.contract import policy as alg
from tests.lab.kernel_rig import run
from tests.lab.ruleset_rig import BOX, HOST, INTERFACES, PEER, namespaces

pytestmark = [pytest.mark.lab, pytest.mark.django_db]


@pytest.fixture
def wire(tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    monkeypatch.setattr(tasks, "announce", lambda revision: None)  # it would wait for a Redis that is not there
    with namespaces() as wire:
        monkeypatch.setattr(tasks, "_kernel", lambda: wire.kernel)
        yield wire


def revision(number, window=0, *rules):
    frozen = policy.dump(policy.Policy(number, "local", INTERFACES, rules))
    return Revision.objects.create(number=number, author="anna", policy=frozen, confirm_within=window)


@pytest.fixture
def confirmed(wire):
    first = revision(1)
    tasks.apply_revision(first.pk)
    return first


def applied(number, window, *rules):
    made = revision(number, window, *rules)
    tasks.apply_revision(made.pk)
    made.refresh_from_db()
    return made


def states():
    return {each.number: each.state for each in Revision.objects.all()}


def test_first_revision_has_nothing_to_go_back_to(wire):
    assert applied(1, 90).state == State.APPLIED


def test_kept_in_time(wire, confirmed):
    trial = applied(2, 2)
    assert (trial.state, standing(wire.kernel).deciding) == (State.WAITING, 2)
    tasks.settle()
    assert states() == {1: State.APPLIED, 2: State.WAITING}
    tasks.keep_revision(trial.pk)
    assert states() == {1: State.SUPERSEDED, 2: State.APPLIED}
    time.sleep(2.1)
    assert standing(wire.kernel).deciding == 2


@pytest.mark.parametrize("verb", [tasks.settle, tasks.keep_revision, tasks.extend_revision])
def test_whoever_comes_late_finds_the_old_revision_and_says_so(wire, confirmed, verb):
    trial = applied(2, 1)
    time.sleep(1.1)
    assert standing(wire.kernel).deciding == 1
    verb(*([] if verb is tasks.settle else [trial.pk]))
    trial.refresh_from_db()
    assert states() == {1: State.APPLIED, 2: State.ROLLED_BACK}
    assert "No confirmation within 1 s. Revision 1 is active again; your changes are kept as a draft." in trial.error
    assert alg.read(names.policy_file()).revision == 1
    assert "_r2 " not in wire.ruleset()


def test_undone_and_extended(wire, confirmed):
    trial = applied(2, 5)
    tasks.extend_revision(trial.pk)
    assert 60 < standing(wire.kernel).left <= 65
    tasks.undo_revision(trial.pk)
    assert states() == {1: State.APPLIED, 2: State.ROLLED_BACK}
    assert standing(wire.kernel).deciding == 1


def test_netadmin_killed_between_kernel_and_row_is_finished_by_the_next(wire, confirmed):
    died = revision(2)
    Revision.objects.filter(pk=died.pk).update(
        state=State.APPLYING, started_at=timezone.now() - timedelta(seconds=61)
    )  # fmt: skip
    apply(policy.load(died.policy), wire.kernel)
    tasks.settle()
    assert states() == {1: State.SUPERSEDED, 2: State.APPLIED}


def test_netadmin_killed_while_keeping_has_kept(wire, confirmed):
    applied(2, 60)
    confirm(2, wire.kernel)
    tasks.settle()
    assert states() == {1: State.SUPERSEDED, 2: State.APPLIED}


def test_ruleset_that_somebody_flushed_during_a_trial_comes_back_as_it_was_before(wire, confirmed):
    applied(2, 60)
    run("nft", "flush", "ruleset", namespace=BOX)
    tasks.settle()
    assert states() == {1: State.APPLIED, 2: State.ROLLED_BACK}
    assert standing(wire.kernel).deciding == 1


def test_netadmin_killed_before_the_kernel_has_changed_nothing(wire, confirmed):
    died = revision(2)
    Revision.objects.filter(pk=died.pk).update(
        state=State.APPLYING, started_at=timezone.now() - timedelta(seconds=61)
    )  # fmt: skip
    tasks.settle()
    assert states() == {1: State.APPLIED, 2: State.FAILED}
    assert standing(wire.kernel).deciding == 1


def test_rule_that_has_ended_is_taken_out_so_that_no_clock_brings_it_back(wire, confirmed):
    until = int(time.time()) + 4
    rules = (policy.Rule(1, 1, "a", "accept", until=until), policy.Rule(2, 2, "b", "accept", until=until + 600))
    trial = applied(2, 60, *rules)
    tasks.settle()
    assert '"rule:1"' in wire.ruleset()
    time.sleep(max(0.0, until + 0.1 - time.time()))
    tasks.settle()
    trial.refresh_from_db()
    text = wire.ruleset()
    assert trial.expired == [1]
    assert '"rule:1"' not in text
    assert "meta time" not in next(line for line in text.splitlines() if '"ended:1"' in line)
    assert '"rule:2"' in text
    assert (trial.state, standing(wire.kernel).deciding) == (State.WAITING, 2)
    tasks.keep_revision(trial.pk)
    assert '"rule:1"' not in wire.ruleset()


def test_hits_of_a_rule_are_those_of_the_kernel(wire, confirmed):
    applied(2, 0, policy.Rule(7, 1, "a", "accept", service=policy.Service("x", "udp", "7000")))
    for _ in range(3):
        wire.reach(HOST, PEER, 7000)
        wire.forget()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("appliance.firewall.tasks.kernel.Client", lambda: wire.kernel)
        count_hits()
        applied(3, 0, policy.Rule(7, 1, "a", "accept", service=policy.Service("x", "udp", "7000")))
        wire.reach(HOST, PEER, 7000)
        count_hits()
    assert hits()[7].packets == 4


def test_trial_that_ended_unnoticed_does_not_disturb_the_next(wire, confirmed):
    applied(2, 1)
    time.sleep(1.1)
    assert applied(3, 60).state == State.WAITING
    tasks.settle()
    assert states() == {1: State.APPLIED, 2: State.ROLLED_BACK, 3: State.WAITING}
    assert standing(wire.kernel).deciding == 3


def test_alg_follows_when_the_time_of_a_sip_rule_is_over(wire, confirmed):
    sip = policy.Service("SIP", "udp", "5060", "sip")
    phones, provider = policy.Address("Phones", (HOST,)), policy.Address("Provider", (PEER,))
    until = int(time.time()) + 4
    applied(2, 0, policy.Rule(1, 1, "a", "accept", phones, provider, sip, until=until))
    assert [peering.rule for peering in alg.read(names.policy_file()).peerings] == ["rule:1"]
    time.sleep(max(0.0, until + 0.1 - time.time()))
    tasks.settle()
    assert not alg.read(names.policy_file()).enabled
