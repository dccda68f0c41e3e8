# SPDX-License-Identifier: GPL-2.0-or-later
"""How templates write what the engine says: sentences, parties, durations."""

from __future__ import annotations

from datetime import timedelta

from django import template
from django.utils.formats import number_format

from appliance.sip.columns import CALL_STATE, level, said
from appliance.sip.queries import party

register = template.Library()
register.filter(said)
register.filter(level)
register.filter(party)


@register.filter
def rule_number(rule: str) -> str:
    """ "rule:12" is 12."""
    return rule.partition(":")[2]


@register.filter
def state_word(state: str) -> str:
    word = CALL_STATE.get(state)
    return str(word.label) if word else state


@register.filter
def state_mark(state: str) -> str:
    word = CALL_STATE.get(state)
    return word.mark if word else ""


@register.filter
def grouped(number: int) -> str:
    """1,234,567, or as the reader's language writes it."""
    return number_format(number, force_grouping=True)


@register.filter
def clock(duration: timedelta | None) -> str:
    if duration is None:
        return "–"
    seconds = round(duration.total_seconds())
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


@register.filter
def seconds(duration: float) -> str:
    return clock(timedelta(seconds=duration))
