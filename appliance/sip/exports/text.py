# SPDX-License-Identifier: GPL-2.0-or-later
"""The messages of a call as text for a provider's hotline: both legs, and every change with its rule. English, UTC."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sipalg_core.contract.events import CallRow, TraceRow


def transcript(messages: Iterable[TraceRow], summary: Iterable[str] = ()) -> str:
    lines = [*summary, ""]
    for row in messages:
        lines += [
            f"=== {row['id']}  {_moment(row['t'])}  {row['transport'].upper()}  {row['source']} -> {row['destination']}"
        ]
        lines += row["before"].replace("\r\n", "\n").rstrip("\n").split("\n")
        if not row["sent_to"]:
            answered = f", answered {row['answered']} by the firewall" if row["answered"] else ""
            lines += [f"--- did not go on: {row['verdict']}{answered}", ""]
            continue
        lines.append(f"--- went on  {row['sent_from']} -> {row['sent_to']}")
        if not row["edits"]:
            lines.append("    not one byte changed")
        would = "" if row["applied"] else "(shadow mode, not done) "
        lines += [
            f"    {would}{each['where']}: {each['before']} -> {each['after']}  [{each['reason']}]"
            for each in row["edits"]
        ]
        lines.append("")
    return "\n".join(lines) + "\n"


def summary(call: CallRow | None) -> list[str]:
    """The head of a transcript; no sentence of it names a party."""
    if call is None:
        return ["Call, of which only the messages are left"]
    lines = [f"Call {call['direction']}, {call['state']}, began {_moment(call['since'])}"]
    if call["verdict"]:
        lines.append(f"Audio: {call['verdict']['text']}")
    if call["reason"]:
        lines.append(f"Ended: {call['reason']}")
    return lines


def _moment(t: float) -> str:
    return datetime.fromtimestamp(t, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
