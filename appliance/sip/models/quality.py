# SPDX-License-Identifier: GPL-2.0-or-later
"""How the media of a provider went, an hour and direction at a time: sums of what was measured, of no single call."""

from __future__ import annotations

from typing import ClassVar

from django.db import models


class QualityHour(models.Model):
    """`runs` were measured; `expected` less `received` packets were lost before us. Jitter in ms, where it is known."""

    node = models.CharField(max_length=40, default="local")
    provider = models.CharField(max_length=80)
    hour = models.DateTimeField(db_index=True)  # when it began
    inward = models.BooleanField()  # from the provider
    runs = models.PositiveIntegerField(default=0)
    expected = models.PositiveBigIntegerField(default=0)
    received = models.PositiveBigIntegerField(default=0)
    jitter_runs = models.PositiveIntegerField(default=0)
    jitter_sum = models.FloatField(default=0.0)
    worst_loss = models.FloatField(default=0.0)  # of one run, 0 to 1

    class Meta:
        ordering: ClassVar = ["-hour", "provider", "inward"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["node", "provider", "hour", "inward"], name="one_row_an_hour_and_direction")
        ]

    def __str__(self) -> str:
        return f"{self.provider} {self.hour:%Y-%m-%d %H} {'in' if self.inward else 'out'}"

    @property
    def loss(self) -> float:
        """0 to 1."""
        return (self.expected - self.received) / self.expected if self.expected else 0.0

    @property
    def jitter(self) -> float | None:
        """Ms."""
        return self.jitter_sum / self.jitter_runs if self.jitter_runs else None
