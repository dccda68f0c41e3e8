# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin's answers to the questions of kernel.inquiry, by their names. Arguments and values are plain JSON values."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

from appliance.kernel import connections
from appliance.kernel.connections import Flushed, Selection
from appliance.kernel.conntrack import ConnectionTable
from appliance.kernel.judgement import Judge
from appliance.system import queries
from appliance.system.models import Revision


def judge_of(revision: Revision | None = None) -> Judge:
    """By the rules that decide now."""
    policy = queries.policy_now(revision, time.time()) if revision else queries.policy_asked(draft=False)
    return Judge(policy, time.time())


def table() -> closing[ConnectionTable]:
    return closing(ConnectionTable())


def list_connections(selection: dict[str, Any]) -> dict[str, Any]:
    with table() as kernel:
        return connections.listed(kernel, judge_of(), _selection(selection))


def flush(selection: dict[str, Any], calls: bool = False) -> dict[str, int]:
    return flush_now(_selection(selection), calls)._asdict()


def flush_now(selection: Selection, calls: bool = False) -> Flushed:
    with table() as kernel:
        return connections.flush(kernel, judge_of(), selection, calls=calls)


def count_old(revision: Revision) -> dict[str, int]:
    """What began under other rules than this revision's."""
    with table() as kernel:
        return connections.count_old(kernel, judge_of(revision))


def _selection(plain: dict[str, Any]) -> Selection:
    listed = {name: tuple(plain[name]) for name in ("ids", "within") if plain.get(name) is not None}
    return Selection(**plain | listed)


ANSWERS: Final[dict[str, Callable[..., Any]]] = {"connections": list_connections, "flush": flush}
