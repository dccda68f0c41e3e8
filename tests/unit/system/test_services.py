# SPDX-License-Identifier: GPL-2.0-or-later
"""Revisions: frozen when asked for, failed in words where nobody could be asked, never stuck."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from appliance.audit.services import verify
from appliance.firewall.models import Rule
from appliance.firewall.services import create_address, create_rule, delete_rule
from appliance.network.services import save_interface
from appliance.ruleset import policy
from appliance.ruleset.apply import ApplyResult
from appliance.ruleset.snapshot import snapshot
from appliance.system import queries, services
from appliance.system.models import Revision, State

RESULT = ApplyResult(nft="add table inet appliance\n", prepare=0.01, swap=0.02, tell=0.03, notes=())


@pytest.fixture
def pending(owner):
    return Revision.objects.create(number=1, author="anna", policy=policy.dump(policy.Policy(1, "local")))


@pytest.mark.django_db(transaction=True)
def test_revision_holds_the_rows_and_says_that_redis_is_down(owner):
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    create_rule(actor=owner, name="a", source=None, destination=None, service=None, action="drop")
    revision = services.request_apply(actor=owner, reason="because")
    frozen = policy.load(revision.policy)
    assert (frozen.revision, frozen.rules[0].name, frozen.names_of("internal")) == (1, "a", ("lan0",))
    assert revision.state == State.FAILED
    assert "Nothing was applied" in revision.error
    assert services.request_apply(actor=owner).number == 2
    assert verify() is None


def test_revision_is_taken_once(pending):
    assert services.begin(revision_id=pending.pk).state == State.APPLYING
    assert services.begin(revision_id=pending.pk) is None


def test_applied_revision_supersedes_the_one_before(pending):
    earlier = Revision.objects.create(number=2, author="anna", state=State.APPLIED, policy={})
    services.complete(revision=pending, result=RESULT)
    earlier.refresh_from_db()
    assert (pending.state, earlier.state) == (State.APPLIED, State.SUPERSEDED)
    assert pending.duration == pytest.approx(0.06)


def test_revisions_that_nobody_took_fail_and_fresh_ones_stay(pending):
    old = timezone.now() - timedelta(seconds=61)
    waited = Revision.objects.create(number=2, author="anna", policy={}, created=old)
    assert services.fail_not_taken() == [waited]
    waited.refresh_from_db()
    pending.refresh_from_db()
    assert (waited.state, pending.state) == (State.FAILED, State.PENDING)


def test_stuck_are_those_whose_netadmin_died(pending):
    old = timezone.now() - timedelta(seconds=61)
    stuck = Revision.objects.create(number=2, author="anna", policy={}, state=State.APPLYING, started_at=old)
    Revision.objects.create(number=3, author="anna", policy={}, state=State.APPLYING, started_at=timezone.now())
    assert services.stuck() == [stuck]


def test_trial_waits_beside_the_confirmed_revision_until_it_is_kept(pending):
    confirmed = Revision.objects.create(number=2, author="anna", state=State.APPLIED, policy={})
    services.complete(revision=pending, result=replace(RESULT, window=90))
    assert pending.state == State.WAITING
    assert 88 < (pending.deadline - timezone.now()).total_seconds() <= 90
    assert (queries.running_revision(), queries.confirmed_revision()) == (pending, confirmed)
    services.confirmed(revision=pending)
    confirmed.refresh_from_db()
    assert (pending.state, pending.deadline, confirmed.state) == (State.APPLIED, None, State.SUPERSEDED)


def test_trial_that_went_back_leaves_the_confirmed_one_running(pending):
    confirmed = Revision.objects.create(number=2, author="anna", state=State.APPLIED, policy={})
    services.complete(revision=pending, result=replace(RESULT, window=90))
    services.rolled_back(revision=pending, reason="No confirmation within 90 s.")
    assert (pending.state, queries.running_revision()) == (State.ROLLED_BACK, confirmed)


def test_past_its_deadline_a_trial_no_longer_decides(pending):
    services.complete(revision=pending, result=replace(RESULT, window=90))
    Revision.objects.update(deadline=timezone.now() - timedelta(seconds=1))
    assert queries.waiting_revision() is None


def test_no_second_apply_during_a_trial(pending, owner):
    services.complete(revision=pending, result=replace(RESULT, window=90))
    with pytest.raises(ValidationError, match="Revision 1 waits for confirmation"):
        services.request_apply(actor=owner)


@pytest.mark.parametrize("seconds", [1, 29, 601, -30])
def test_window_is_neither_too_short_nor_too_long(owner, seconds):
    with pytest.raises(ValidationError, match="30 to 600 seconds"):
        services.request_apply(actor=owner, confirm_within=seconds)


@pytest.mark.parametrize("verb", [services.keep, services.extend, services.undo])
def test_verbs_of_a_trial_need_one_and_a_queue(pending, owner, verb):
    with pytest.raises(ValidationError, match="does not wait for confirmation: it is pending"):
        verb(actor=owner, revision=pending)
    services.complete(revision=pending, result=replace(RESULT, window=90))
    with pytest.raises(ValidationError, match="Without a confirmation the kernel goes back"):
        verb(actor=owner, revision=pending)


@pytest.mark.django_db(transaction=True)
def test_going_back_restores_every_row_with_its_key(owner):
    address = create_address(actor=owner, name="PBX", kind="host", value="192.168.0.2")
    group = create_address(actor=owner, name="Phones", kind="group", members=[address])
    rule = create_rule(actor=owner, name="a", source=group, destination=None, service=None, action="drop")
    first = services.request_apply(actor=owner)
    frozen = first.policy | {"revision": 0}
    delete_rule(actor=owner, rule=rule)
    create_rule(actor=owner, name="b", source=address, destination=None, service=None, action="accept")
    services.go_back(actor=owner, revision=first)
    assert policy.dump(snapshot("local", 0)) == frozen
    assert list(Rule.objects.values_list("pk", "name")) == [(first.policy["rules"][0]["id"], "a")]
