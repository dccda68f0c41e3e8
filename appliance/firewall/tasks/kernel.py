# SPDX-License-Identifier: GPL-2.0-or-later
"""Celery's side of rules, in netadmin: what the kernel counted, what acts on top of a revision, what objects hold."""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import Final

from django.utils.translation import gettext as _

from appliance.celery import app
from appliance.firewall import queries, services
from appliance.kernel import answers
from appliance.kernel.activations import close_overtaken
from appliance.ruleset import apply as ruleset_apply
from appliance.ruleset.apply import ApplyRefused
from appliance.ruleset.compile import compile_alg
from appliance.system import queries as system
from sipalg_core.contract import names
from sipalg_core.contract import policy as alg
from sipalg_core.nft.client import Client, NftError

log = logging.getLogger(__name__)


@app.task(name="appliance.firewall.tasks.count_hits")
def count_hits() -> None:
    counters = Client().counters(names.APPLIANCE_TABLE)
    services.count_hits(
        counted={
            int(key.removeprefix("rule:")): (count.packets, count.bytes)
            for key, count in counters.items()
            if key.startswith("rule:")
        }
    )


@app.task(name="appliance.firewall.tasks.count_connections")
def count_connections() -> None:
    """Reads and judges every connection: of a hundred thousand that takes seconds, so it is done the more seldom."""
    if system.running_revision() is None or not _pace.may_begin():
        return
    with _pace:
        try:
            services.count_connections(counted=answers.count_by_rule())
        except OSError as error:
            log.warning("connections were not counted: %s", error)


class _Pace:
    """What is done at most a twentieth of the time."""

    REST: Final = 19
    """Times as long as it took."""

    def __init__(self) -> None:
        self._began = self._next = 0.0

    def may_begin(self) -> bool:
        return time.monotonic() >= self._next

    def __enter__(self) -> None:
        self._began = time.monotonic()

    def __exit__(self, *_error: object) -> None:
        now = time.monotonic()
        self._next = now + (now - self._began) * self.REST


_pace: Final = _Pace()


@app.task(name="appliance.firewall.tasks.activate")
def activate() -> None:
    """Make the kernel and the ALG say what the rows say; then close what only stood on what has changed."""
    services.end_overdue(node=names.NODE)
    revision = system.running_revision()
    deciding = ruleset_apply.standing(_kernel()).deciding
    if revision is not None and deciding is None:
        services.not_activated(node=names.NODE, error=_("No rules run yet. Nothing was changed."))
        return
    if deciding not in (None, revision.number if revision else 0):
        return  # a trial is ending: settle writes that down, and this comes again
    policy = system.policy_now(revision, time.time())
    # On a new machine nothing decides yet: what is let in comes with the first chains.
    act = ruleset_apply.apply if deciding is None else ruleset_apply.activate
    before = alg.read(names.policy_file())
    try:
        act(policy, _kernel())
    except (ApplyRefused, NftError) as error:
        services.not_activated(node=names.NODE, error=str(error))
        return
    services.activated(node=names.NODE)
    close_overtaken(policy, before, compile_alg(policy))


@app.task(name="appliance.firewall.tasks.settle_activations")
def settle_activations() -> None:
    """Follow the kernel where it has ended something, and the rows where they say something else than the ALG was told.

    An exemption by name follows its object; a table that was made anew gets what acts.
    """
    ended = services.end_overdue(node=names.NODE)
    revision = system.running_revision()
    asked = [each for each in queries.acting(names.NODE) if each.state == "asked"]
    if revision is None and not (ended or asked):
        return
    told = alg.read(names.policy_file())
    wanted = compile_alg(system.policy_now(revision, time.time()))
    if ended or asked or told.exemptions != wanted.exemptions:
        activate()


@app.task(name="appliance.firewall.tasks.follow_objects")
def follow_objects() -> None:
    """What names and countries hold now, into the kernel's sets and to the ALG; nothing where nothing changed."""
    for revision in system.standing_revisions():
        try:
            notes = ruleset_apply.move(system.policy_now(revision, time.time()), _kernel())
        except (ApplyRefused, NftError) as error:
            log.error("objects of revision %s were not followed: %s", revision.number, error)
        else:
            for note in notes:
                log.warning("objects of revision %s: %s", revision.number, note)


@cache
def _kernel() -> Client:
    """One libnftables context per process: netadmin runs one task at a time."""
    return Client()
