# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of the self-test: who asked, how far it is, and what each call flow did."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Final

from django.db import models
from django.utils import timezone

LONGEST_RUN: Final = timedelta(minutes=5)
"""After this the worker that ran it has died."""


class SelfTest(models.Model):
    """`results` are rows of sipalg_core.selftest.run.Result; `error` says why there are none."""

    asked_by = models.CharField(max_length=150)
    asked = models.DateTimeField(default=timezone.now)
    finished = models.DateTimeField(null=True, blank=True)
    results = models.JSONField(default=list)
    error = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-asked"]

    def __str__(self) -> str:
        return f"self-test of {self.asked:%Y-%m-%d %H:%M:%S}"

    @property
    def running(self) -> bool:
        return self.finished is None and timezone.now() - self.asked < LONGEST_RUN

    @property
    def of(self) -> int:
        return self.results[0]["of"] if self.results else 0

    @property
    def failed(self) -> int:
        return sum(not each["ok"] for each in self.results)

    @property
    def passed(self) -> bool:
        return self.finished is not None and bool(self.results) and not self.failed and not self.error
