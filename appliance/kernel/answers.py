# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin's answers to the questions of kernel.inquiry, by their names. Arguments and values are plain JSON values."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, Final

from appliance.firewall.queries import KnownContents
from appliance.kernel import capturing, connections, facts, links, probing, sockets, starting, watch
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


def count_by_rule() -> dict[int, int]:
    """Open connections by the id of the rule."""
    with table() as kernel:
        counted = connections.count_by_rule(kernel, judge_of())
    return {int(key.removeprefix("rule:")): n for key, n in counted.items() if key.startswith("rule:")}


def _selection(plain: dict[str, Any]) -> Selection:
    listed = {name: tuple(plain[name]) for name in ("ids", "within", "countries") if plain.get(name) is not None}
    if countries := listed.pop("countries", ()):
        listed["within"] = (*listed.get("within", ()), *KnownContents().countries(countries).texts())
    return Selection(**plain | {"countries": None} | listed)


def list_links() -> list[dict[str, Any]]:
    """With `changed`, when the carrier last came or went (Unix seconds)."""
    return [link.plain() | {"changed": watch.carrier_changed.get(link.name)} for link in links.read()]


def forget_addresses(gone: Iterable[str]) -> int:
    """Delete every connection that has one of these addresses of ours, which we do not have any more."""
    hosts = {ipaddress.ip_interface(each).ip for each in gone}
    if not hosts:
        return 0
    with table() as kernel:
        return kernel.delete(each for each in kernel.all() if hosts.intersection(each.hosts))


def telephony() -> dict[str, Any]:
    """For the advisor."""
    with table() as kernel:
        judge = judge_of()
        return facts.telephony(kernel.all(), judge) | connections.old_in_brief(kernel, judge)


ANSWERS: Final[dict[str, Callable[..., Any]]] = {
    "capture": capturing.start,
    "connections": list_connections,
    "flush": flush,
    "links": list_links,
    "neighbours": links.neighbours,
    "probe": probing.start,
    "listening": sockets.listening,
    "start_engine": starting.start_engine,
    "telephony": telephony,
}
