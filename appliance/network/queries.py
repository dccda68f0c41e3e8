# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads of interfaces."""

from __future__ import annotations

from django.db.models import QuerySet

from appliance.network.models import Interface
from sipalg_core.contract import names


def interfaces(node: str = names.NODE) -> QuerySet[Interface]:
    return Interface.objects.filter(node=node)
