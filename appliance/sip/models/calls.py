# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that are over, header-only: who with whom, when, how it went and ended. No message is kept, no audio ever."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar, Final, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from appliance import veil

LONGEST_RETENTION: Final = 365  # days


class Masking(models.TextChoices):
    NONE = "none", _("Keep numbers as they are")
    LAST = "last", _("Hide the last three digits")
    ALL = "all", _("Keep no numbers")


class HistorySettings(models.Model):
    """One row: what is kept, and for how long."""

    retention_days = models.PositiveSmallIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_RETENTION)]
    )
    masking = models.CharField(max_length=8, choices=Masking.choices, default=Masking.NONE)

    def __str__(self) -> str:
        return f"history for {self.retention_days} days, numbers: {self.masking}"


class CallRecord(models.Model):
    """`ident` is the id that the engine gave the call; `said` are the sentences on it (contract.events.Said)."""

    node = models.CharField(max_length=40, default="local")
    ident = models.CharField(max_length=64)
    noted = models.FloatField(db_index=True)  # Unix seconds, by the engine: where the next reading begins
    call_id = models.CharField(max_length=255)
    direction = models.CharField(max_length=8)
    from_number = models.CharField(max_length=120)
    to_number = models.CharField(max_length=120)
    search = models.TextField(blank=True)  # casefolded: numbers, phone, provider, Call-ID
    internal = models.CharField(max_length=60)
    provider = models.CharField(max_length=80)
    rule = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=12)
    codec = models.CharField(max_length=40, blank=True)
    since = models.DateTimeField(db_index=True)
    answered = models.DateTimeField(null=True)
    ended = models.DateTimeField()
    packets_in = models.PositiveBigIntegerField(default=0)
    packets_out = models.PositiveBigIntegerField(default=0)
    media = models.JSONField(default=list)  # contract.events.MediaRow
    ending = models.JSONField(null=True)
    verdict = models.JSONField(null=True)

    class Meta:
        ordering: ClassVar = ["-since", "-pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["node", "ident"], name="one_record_a_call")]

    def __str__(self) -> str:
        return self.ident

    @classmethod
    def from_db(cls, db: Any, field_names: Any, values: Any, **more: Any) -> Self:
        """As the one who asks may see it; nobody saves a record that he has read (`services.history` makes them)."""
        record = super().from_db(db, field_names, values, **more)
        if veil.hides():
            record.from_number, record.to_number = veil.number(record.from_number), veil.number(record.to_number)
            record.search = ""
        return record

    @cached_property
    def duration(self) -> timedelta | None:
        """Of the conversation; None where nobody answered."""
        return self.ended - self.answered if self.answered else None

    @property
    def said(self) -> list[dict[str, Any]]:
        return [each for each in (self.ending, self.verdict) if each]
