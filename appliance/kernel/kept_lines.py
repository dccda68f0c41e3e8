# SPDX-License-Identifier: GPL-2.0-or-later
"""The live log as netadmin keeps it in Redis, for pages and REST: the last lines, what a filter finds, one line.

The words of a filter are those of static/js/table.js: every word must occur, `-word` must not, `dport:5060` is exact.
"""

from __future__ import annotations

import json
from typing import Any, Final, NamedTuple

from django.utils.translation import gettext as _

from appliance.kernel.inquiry import NetadminUnavailable, kept
from appliance.kernel.lines import Line
from sipalg_core.contract import names

MOST: Final = 1000


class Listening(NamedTuple):
    """Whether anybody hears the kernel; `error` is what it said instead."""

    heard: bool
    error: str = ""


def found(text: str = "", limit: int = MOST, node: str = names.NODE) -> list[Line]:
    """Newest first; raise NetadminUnavailable."""
    matching = [line for line in reversed(_lines(node)) if matches(line, text)]
    return matching[:limit]


def line(line_id: str, node: str = names.NODE) -> Line | None:
    """None where it is not kept any more; raise NetadminUnavailable."""
    return next((each for each in _lines(node) if each["id"] == line_id), None)


def listening(node: str = names.NODE) -> Listening:
    try:
        with kept(_refusal()) as client:
            state: Any = client.get(names.log_state(node))
    except NetadminUnavailable as error:
        return Listening(False, str(error))
    if state is None:
        return Listening(False, _("The process that listens to the kernel (netadmin) does not run."))
    refused = json.loads(state)["error"]
    return Listening(not refused, _("The kernel does not hand its log over: %s.") % refused if refused else "")


def matches(row: Line, text: str) -> bool:
    values: dict[str, Any] = dict(row)
    everything = " ".join(value for value in values.values() if isinstance(value, str)).casefold()
    for word in text.casefold().split():
        excluded, sought = word.startswith("-"), word.removeprefix("-")
        key, _colon, value = sought.partition(":")
        holds = str(values[key]).casefold() == value if key in values and value else sought in everything
        if sought and holds == excluded:
            return False
    return True


def _lines(node: str) -> list[Line]:
    with kept(_refusal()) as client:
        listed: Any = client.lrange(names.log_lines(node), 0, -1)
    return [json.loads(each) for each in listed]


def _refusal() -> str:
    return _("The log cannot be read: Redis does not answer. The rules and calls are as before.")
