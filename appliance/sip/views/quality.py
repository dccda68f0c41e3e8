# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of quality: a chart for each provider, drawn by the server, and the same as a table."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from appliance.sip import queries
from appliance.sip.forms import QualitySearch
from appliance.sip.queries.quality import Figure
from appliance.ui.requests import OperatorRequest, may

_HEIGHT: Final = 80
_WORST, _BEST = 1.0, 4.5
_ROWS_SHOWN: Final = 400


class Bar(NamedTuple):
    """In the chart's own units; `figure` is what it says."""

    x: float
    y: float
    width: float
    height: float
    figure: Figure


class Chart(NamedTuple):
    provider: str
    bars: list[Bar]
    width: int
    worst: Figure
    first: datetime
    last: datetime


@may("calls.see")
def quality(request: OperatorRequest) -> HttpResponse:
    form = QualitySearch(request.GET, providers=queries.measured_providers())
    figures: list[Figure] = []
    if form.is_valid():
        figures = queries.quality(days=form.days_asked, provider=form.cleaned_data["provider"])
    context: dict[str, Any] = {
        "form": form,
        "charts": _charts(figures, form.days_asked),
        "figures": figures[:_ROWS_SHOWN],
        "hidden": max(len(figures) - _ROWS_SHOWN, 0),
        "settings": queries.history_settings(),
        "height": _HEIGHT,
    }
    return render(request, "sip/_quality.html" if request.htmx else "sip/quality.html", context)


def _charts(figures: list[Figure], days: int) -> list[Chart]:
    now = timezone.now().replace(minute=0, second=0, microsecond=0)
    first = now - timedelta(hours=days * 24 - 1)
    by_provider: dict[str, list[Figure]] = {}
    for figure in figures:
        by_provider.setdefault(figure.row.provider, []).append(figure)
    return [
        Chart(
            provider, [bar for each in some if (bar := _bar(each, first, days))], days * 24 * 4,
            min(some, key=lambda each: each.mos), first, now,
        )
        for provider, some in sorted(by_provider.items())
    ]  # fmt: skip


def _bar(figure: Figure, first: datetime, days: int) -> Bar | None:
    """Two beside each other in an hour's four units: from the provider, then to it."""
    hours = (figure.row.hour - first) / timedelta(hours=1)
    if not 0 <= hours < days * 24:
        return None
    height = max((figure.mos - _WORST) / (_BEST - _WORST) * _HEIGHT, 1.0)
    x = hours * 4 + (0.2 if figure.row.inward else 2.1)
    return Bar(round(x, 2), round(_HEIGHT - height, 2), 1.7, round(height, 2), figure)
