# SPDX-License-Identifier: GPL-2.0-or-later
"""The worker's part: the history of calls (the engine keeps ended ones for minutes), quality, and the self-test."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Final

from celery import shared_task
from django.utils.translation import gettext_noop

from appliance.kernel import call_figures
from appliance.kernel.kept_runs import take_runs
from appliance.live.control import EngineUnavailable, engine_items
from appliance.live.jobs import announce
from appliance.sip import services
from appliance.sip.models import SelfTest
from appliance.sip.queries import last_noted, ledger
from sipalg_core.contract import names

CLOCK_STEP: Final = 1.0
"""Seconds that the engine's clock may be ahead of ours; more means that ours was set back since."""
MOST_ANSWERS: Final = 40
LONGEST_SILENCE: Final = 60.0
"""Seconds between two results of a self-test; after that it hangs."""


@shared_task
def record_calls() -> int:
    """Write what ended since the last time. How many calls that were; 0 as well where the engine is silent."""
    after = last_noted()
    if after > time.time() + CLOCK_STEP:
        after = 0.0  # read all that is kept: what is known is written anew
    recorded = 0
    for _ in range(MOST_ANSWERS):
        try:
            ended = engine_items("ended", after=after)
        except EngineUnavailable:
            break
        if not ended:
            break
        recorded += services.note_ended(ended)  # type: ignore[arg-type]  # rows are JSON objects
        after = ended[-1]["noted"]
    return recorded


@shared_task
def record_quality() -> int:
    """What netadmin has measured of media since the last time goes to its provider's hour. How many runs that were."""
    try:
        openings = ledger()
    except EngineUnavailable:
        return 0  # they wait for who can say whose they are
    runs = take_runs()
    call_figures.keep(call_figures.measured(runs, openings))
    return services.note_runs(runs, openings)


@shared_task
def forget_calls() -> int:
    return services.forget_old()


@shared_task(name="appliance.sip.tasks.run_selftest", time_limit=120)
def run_selftest(pk: int) -> None:
    """The engine's own program, in a sandbox; each line that it prints is a result."""
    selftest = SelfTest.objects.get(pk=pk)
    error = ""
    try:
        for line in _results():
            told = json.loads(line)
            if "error" in told:
                error = told["error"]
            else:
                services.note_result(selftest=selftest, result=told)
                _tell(selftest)
    except TimeoutError:
        error = gettext_noop("The self-test hangs: it said nothing for a minute.")
    except OSError:
        error = gettext_noop("Nobody starts self-tests here: the door at which the worker knocks is shut.")
    if not (error or selftest.results):
        error = gettext_noop("The self-test ended without a word; the device's log may know more.")
    services.finish_selftest(selftest=selftest, error=error)
    _tell(selftest)


def _results() -> Iterator[str]:
    """Lines of the program. No process of ours may make namespaces, so whoever started us all starts it, too: systemd
    (deploy/units/pinhole-selftest.socket), or in the laboratory deploy.lab.starter."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.settimeout(LONGEST_SILENCE)
        door.connect(str(names.selftest_socket()))
        with door.makefile(encoding="utf-8") as lines:
            yield from lines


def _tell(selftest: SelfTest) -> None:
    """The page that shows it asks anew at each word of its job."""
    finished = selftest.finished is not None
    row = {"id": f"selftest:{selftest.pk}", "kind": "selftest", "done": len(selftest.results), "of": selftest.of}
    announce(row | ({"gone": True} if finished else {}))
