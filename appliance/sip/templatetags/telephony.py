# SPDX-License-Identifier: GPL-2.0-or-later
"""How templates write what the engine says: sentences, parties, durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from appliance.sip.columns import CALL_STATE, CLOSED_BECAUSE, INSTEAD, level, said
from appliance.sip.queries import party
from appliance.ui.columns import moment

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
def clock(duration: timedelta | None) -> str:
    if duration is None:
        return "–"
    seconds = round(duration.total_seconds())
    hours, minutes = seconds // 3600, seconds // 60 % 60
    return f"{hours}:{minutes:02}:{seconds % 60:02}" if hours else f"{minutes}:{seconds % 60:02}"


@register.filter
def seconds(duration: float) -> str:
    return clock(timedelta(seconds=duration))


@register.filter
def instant(seconds: float) -> SafeString | str:
    """Unix seconds as the engine gives them."""
    return moment(datetime.fromtimestamp(seconds, UTC))


@register.filter
def closed_because(why: str) -> str:
    return str(CLOSED_BECAUSE.get(why, why))


@register.filter
def instead(peer: str) -> str:
    return str(INSTEAD).format(peer=peer)


@register.filter
def endpoint(text: str) -> SafeString:
    """Address and port, with no other place to break than between them (`endpointWriter` in static/js/cells.js)."""
    host, colon, port = text.rpartition(":")
    return format_html('<span class="mono endpoint"><span>{}</span><span>{}</span></span>', host, colon + port)
