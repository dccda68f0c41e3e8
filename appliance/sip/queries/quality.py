# SPDX-License-Identifier: GPL-2.0-or-later
"""The quality of media by provider and hour, and what people would say of it by the E-model, as far as we can see it.

The rating is that of ITU-T G.107 with its defaults (R0 - Is = 93.2), the loss of G.711 with concealment (G.113 Appendix
I: Ie 0, Bpl 25.1), losses taken as random (BurstR 1), and the delay of 20 ms of speech and of a jitter buffer of twice
the jitter. How long packets are under way cannot be seen at one point and is left out: the figure is a best case.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, NamedTuple

from django.db.models import QuerySet
from django.utils import timezone

from appliance.sip.models import QualityHour

# --- Specification: ITU-T G.107 (06/2015) §7 and Annex B, G.113 Appendix I; delay as by Cole and Rosenbluth (2001) ---

_BEST: Final = 93.2
_BPL: Final = 25.1
_IE: Final = 0.0
_SPEECH: Final = 20.0  # ms
_FELT: Final = 177.3  # ms

GOOD, FAIR = 4.0, 3.6
"""G.107 Annex B: from 4.03 users are satisfied, below 3.6 many are not."""


class Figure(NamedTuple):
    row: QualityHour
    loss: float  # percent
    jitter: float | None  # ms
    mos: float

    @property
    def worst(self) -> float:
        """Loss of the worst run, in percent."""
        return self.row.worst_loss * 100

    @property
    def mark(self) -> str:
        return "ok" if self.mos >= GOOD else "warning" if self.mos >= FAIR else "error"


def mos(loss: float, jitter: float) -> float:
    """`loss` from 0 to 1, `jitter` in ms; 1 to 4.41."""
    percent = loss * 100
    impaired = _IE + (95 - _IE) * percent / (percent + _BPL)
    delay = _SPEECH + 2 * jitter
    late = 0.024 * delay + 0.11 * max(delay - _FELT, 0)
    rating = min(max(_BEST - impaired - late, 0.0), 100.0)
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


def quality_hours(*, days: int, provider: str = "") -> QuerySet[QualityHour]:
    """The youngest first."""
    rows = QualityHour.objects.filter(hour__gte=timezone.now() - timedelta(days=days))
    return rows.filter(provider=provider) if provider else rows


def quality(*, days: int, provider: str = "") -> list[Figure]:
    return [
        Figure(row, row.loss * 100, row.jitter, mos(row.loss, row.jitter or 0.0))
        for row in quality_hours(days=days, provider=provider)
    ]


def measured_providers() -> list[str]:
    return list(QualityHour.objects.order_by("provider").values_list("provider", flat=True).distinct())
