# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit trail: entries that can be added and read, never changed or deleted."""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from django.db import models


class AppendOnly(TypeError):
    """Somebody tried to rewrite history."""


class EntryQuerySet(models.QuerySet["Entry"]):
    def update(self, **_fields: Any) -> NoReturn:
        raise AppendOnly("audit entries cannot be changed")

    def delete(self) -> NoReturn:
        raise AppendOnly("audit entries cannot be deleted")

    def bulk_update(self, *_args: Any, **_options: Any) -> NoReturn:
        raise AppendOnly("audit entries cannot be changed")


class Entry(models.Model):
    """One change. `hash` covers every other field and the previous entry's hash."""

    sequence = models.PositiveBigIntegerField(primary_key=True)
    time = models.DateTimeField()
    actor = models.CharField(max_length=150)
    source = models.CharField(max_length=64, blank=True)
    verb = models.CharField(max_length=40)
    target = models.CharField(max_length=200)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    objects: ClassVar[models.Manager[Entry]] = EntryQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-sequence"]
        verbose_name_plural = "entries"
        indexes: ClassVar = [models.Index(fields=["verb", "actor", "time"], name="who_looked_when")]

    def __str__(self) -> str:
        return f"{self.sequence} {self.time:%Y-%m-%d %H:%M:%S} {self.actor} {self.verb} {self.target}"

    def save(self, **options: Any) -> None:
        if not self._state.adding:
            raise AppendOnly("audit entries cannot be changed")
        options["force_insert"] = True
        super().save(**options)

    def delete(self, *_args: Any, **_options: Any) -> NoReturn:
        raise AppendOnly("audit entries cannot be deleted")
