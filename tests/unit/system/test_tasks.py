# SPDX-License-Identifier: GPL-2.0-or-later
"""What netadmin does before it touches the kernel; with the kernel it stands in tests/lab."""

import pytest

from appliance.ruleset import policy
from appliance.system.models import Revision, State
from appliance.system.tasks import apply_revision, reconcile

pytestmark = pytest.mark.django_db


def test_policy_that_locks_out_never_reaches_the_kernel():
    revision = Revision.objects.create(number=1, author="anna", policy=policy.dump(policy.Policy(1, "local")))
    apply_revision(revision.pk)
    revision.refresh_from_db()
    assert revision.state == State.FAILED
    assert revision.error.endswith("this would cut off the console. Nothing was applied.")


@pytest.mark.parametrize("state", [State.APPLYING, State.APPLIED, State.FAILED, State.SUPERSEDED])
def test_second_delivery_changes_nothing(state):
    frozen = policy.dump(policy.Policy(1, "local"))
    revision = Revision.objects.create(number=1, author="anna", policy=frozen, state=state)
    apply_revision(revision.pk)
    revision.refresh_from_db()
    assert (revision.state, revision.error) == (state, "")


def test_reconcile_leaves_fresh_revisions_alone():
    revision = Revision.objects.create(number=1, author="anna", policy={})
    reconcile()
    revision.refresh_from_db()
    assert revision.state == State.PENDING
