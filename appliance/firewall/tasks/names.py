# SPDX-License-Identifier: GPL-2.0-or-later
"""Celery's side of DNS names, in the worker: what is due is looked up, and netadmin is told what changed."""

from __future__ import annotations

import time
from collections.abc import Sequence

from appliance.celery import app
from appliance.firewall import queries, services
from appliance.firewall.tasks.resolver import resolve
from appliance.ruleset import policy as ruleset
from appliance.system import queries as system
from sipalg_core.contract import names


@app.task(name="appliance.firewall.tasks.refresh_names")
def refresh_names(asked: Sequence[str] = ()) -> None:
    """Those asked for, or all that are due."""
    before = queries.active_country_data()
    if services.have_country_data() != before:
        services.ask("follow_objects", names.netadmin_queue())
    taken = services.take_due(now=time.time(), asked=asked)
    if not taken:
        return
    servers = [services.server_parts(each) for each in queries.name_servers()]
    changed = services.hold(outcomes=resolve(taken, servers), now=time.time())
    if changed:
        services.ask("follow_objects", names.netadmin_queue())
    if not asked:
        services.drop_unused(used=_used_by_revisions())


def _used_by_revisions() -> set[str]:
    rules = [rule for revision in system.standing_revisions() for rule in ruleset.load(revision.policy).rules]
    ends = [end for rule in rules for end in (rule.source, rule.destination) if end is not None]
    return {lookup for end in ends for lookup in end.lookups}
