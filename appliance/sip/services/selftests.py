# SPDX-License-Identifier: GPL-2.0-or-later
"""The self-test: asked for by an operator, run by a worker that writes each result as it comes."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.celery import app
from appliance.sip.models import SelfTest

KEPT = 20


@transaction.atomic
def request_selftest(*, actor: User | str) -> SelfTest:
    """One at a time. It touches nothing of the appliance: the calls are among parties of its own."""
    if any(each.running for each in SelfTest.objects.filter(finished=None)):
        raise ValidationError(_("A self-test is running already."))
    selftest = SelfTest.objects.create(asked_by=str(actor))
    record(actor=actor, verb="self-test", target=selftest)
    transaction.on_commit(lambda: _ask_worker(selftest))
    return selftest


def _ask_worker(selftest: SelfTest) -> None:
    try:
        app.send_task("appliance.sip.tasks.run_selftest", (selftest.pk,), queue="default")
    except (OperationalError, RedisError, OSError):
        finish_selftest(selftest=selftest, error=_("The job queue (Redis) does not answer. Try again."))


def note_result(*, selftest: SelfTest, result: dict[str, Any]) -> None:
    selftest.results = [*selftest.results, result]
    selftest.save(update_fields=["results"])


@transaction.atomic
def finish_selftest(*, selftest: SelfTest, error: str = "") -> None:
    selftest.finished = timezone.now()
    selftest.error = error
    selftest.save(update_fields=["finished", "error"])
    old = SelfTest.objects.values_list("pk", flat=True)[KEPT:]
    SelfTest.objects.filter(pk__in=list(old)).delete()
