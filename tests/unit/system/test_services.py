# SPDX-License-Identifier: GPL-2.0-or-later
"""Revisions: frozen when asked for, failed in words where nobody could be asked, never stuck."""

from datetime import timedelta

import pytest
from django.utils import timezone

from appliance.audit.services import verify
from appliance.firewall.services import create_rule
from appliance.network.services import save_interface
from appliance.ruleset import policy
from appliance.ruleset.apply import ApplyResult
from appliance.system import services
from appliance.system.models import Revision, State

RESULT = ApplyResult(nft="add table inet appliance\n", check=0.01, swap=0.02, tell=0.03, notes=())


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


def test_stuck_revisions_fail_and_fresh_ones_stay(pending):
    old = timezone.now() - timedelta(seconds=61)
    stuck = Revision.objects.create(number=2, author="anna", policy={}, state=State.APPLYING, started_at=old)
    assert services.fail_stuck() == [stuck]
    stuck.refresh_from_db()
    pending.refresh_from_db()
    assert (stuck.state, pending.state) == (State.FAILED, State.PENDING)
