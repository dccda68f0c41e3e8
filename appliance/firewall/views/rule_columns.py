# SPDX-License-Identifier: GPL-2.0-or-later
"""The columns that the list of rules can have beside number, state and name: their words, and a rule's cell in each.

Which of them are shown is kept for each account.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliance.accounts.models import User
from appliance.firewall import columns
from appliance.firewall.models import AddressObject, Hits, ListColumns, Rule
from appliance.firewall.queries import DAYS, by_day, connections_now
from appliance.network.models import Role
from appliance.ui.columns import moment

_BAR, _HIGH = 5, 12

Text = SafeString | str


@dataclass(frozen=True)
class Column:
    key: str
    label: str | Promise
    css: str
    cell: Callable[[Rule, Hits | None], Text]


def _sentence(rule: Rule, _hits: Hits | None) -> Text:
    return format_html('<span class="rule-sentence">{}</span>', columns.rule_sentence(rule))


def _zones(rule: Rule, _hits: Hits | None) -> Text:
    return " → ".join(str(Role(zone).label) if zone else _("any side") for zone in (rule.from_zone, rule.to_zone))


def _object(address: AddressObject | None) -> Text:
    if address is None:
        return _("anywhere")
    return format_html('<a href="{}">{}</a>', reverse("firewall:objects_edit_address", args=[address.pk]), address)


def _target(rule: Rule, _hits: Hits | None) -> Text:
    return _object(rule.target) if rule.target else "–"


def _service(rule: Rule, _hits: Hits | None) -> Text:
    if rule.service is None:
        return _("everything")
    return format_html('{}<span class="below mono">{}</span>', rule.service, rule.service.ports)


def _until(rule: Rule, _hits: Hits | None) -> Text:
    return moment(rule.until)


def _changed(rule: Rule, _hits: Hits | None) -> Text:
    return format_html('{}<span class="below">{}</span>', moment(rule.changed), rule.changed_by)


def _hit(rule: Rule, hits: Hits | None) -> Text:
    """What the ALG takes never comes to the rule itself, whose own figure would mislead."""
    if columns.opens_alg(rule.table, rule.action, rule.service):
        counted = _("counts its messages")
        return format_html(
            '<a href="{}">{}</a><span class="below">{}</span>', reverse("alg:providers"), _("ALG"), counted
        )
    if hits is None:
        return "–"
    day = date_format(hits.since, "j N" if hits.since.year == timezone.now().year else "j N Y")
    exact = f"{hits.since:%Y-%m-%d %H:%M} UTC"
    since = format_html('<time datetime="{}" title="{}">{}</time>', hits.since.isoformat(), exact, day)
    words = [moment(hits.last), format_html(_("since {day}"), day=since)]
    if hits.last is None:
        words = [format_html(_("never since {day}"), day=since)]
    below = format_html_join("", '<span class="below">{}</span>', ((each,) for each in words))
    return format_html("{}{}{}", spark(hits), hits.packets, below)


def _connections(rule: Rule, hits: Hits | None) -> Text:
    open_now = connections_now(hits)
    if not open_now:
        return "–" if open_now is None else "0"
    return format_html('<a href="{}?rule={}">{}</a>', reverse("system:connections"), rule.pk, open_now)


COLUMNS: Final = (
    Column("sentence", gettext_lazy("What it does"), "whole", _sentence),
    Column("zones", gettext_lazy("From side to side"), "", _zones),
    Column("source", gettext_lazy("From"), "", lambda rule, _hits: _object(rule.source)),
    Column("destination", gettext_lazy("To"), "", lambda rule, _hits: _object(rule.destination)),
    Column("service", gettext_lazy("Service"), "", _service),
    Column("action", gettext_lazy("Action"), "", lambda rule, _hits: rule.get_action_display()),
    Column("target", gettext_lazy("Translate to"), "", _target),
    Column("until", gettext_lazy("Until"), "", _until),
    Column("changed", gettext_lazy("Changed"), "", _changed),
    Column("hits", gettext_lazy("Hits"), "number", _hit),
    Column("connections", gettext_lazy("Open"), "number tight", _connections),
)
USUAL: Final = ("sentence", "hits", "connections")


def columns_of(user: User) -> list[Column]:
    """What this account chose, in the order of the table; the usual ones where it chose nothing."""
    kept = ListColumns.objects.filter(user_id=user.pk).first()
    return chosen(kept.shown if kept else ()) or chosen(USUAL)


def chosen(keys: Sequence[str]) -> list[Column]:
    return [column for column in COLUMNS if column.key in keys]


def spark(hits: Hits) -> Text:
    """A bar for each of the last seven days; nothing where there was nothing."""
    counted = list(by_day(hits).values())
    most = max(counted)
    if not most:
        return ""
    bars = "".join(
        f"M{at * _BAR} {_HIGH}v-{max(1, round(n * _HIGH / most))}h{_BAR - 1}V{_HIGH}z"
        for at, n in enumerate(counted)
        if n
    )
    said = _("Packets on each of the last seven days: %s") % ", ".join(map(str, counted))
    return format_html(
        '<svg class="days" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title><path d="{}"/></svg>',
        DAYS * _BAR - 1, _HIGH, said, said, bars,
    )  # fmt: skip
