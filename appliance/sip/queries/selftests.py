# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads of the self-test."""

from __future__ import annotations

from django.db.models import QuerySet

from appliance.sip.models import SelfTest


def selftests() -> QuerySet[SelfTest]:
    """Newest first."""
    return SelfTest.objects.all()
