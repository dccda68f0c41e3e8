# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of quality: loss and jitter as measured, MOS as estimated, by provider, hour and direction."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from appliance.sip import queries
from appliance.sip.models.calls import LONGEST_RETENTION
from appliance.ui.requests import may

router = Router(tags=["calls"])


class QualityIn(Schema):
    days: int = Field(1, ge=1, le=LONGEST_RETENTION)
    provider: str = Field("", max_length=80)


class QualityOut(Schema):
    """`loss` on the way to this firewall, in percent; `jitter` in ms; `mos` by ITU-T G.107, a best case."""

    hour: datetime
    provider: str
    direction: str
    packets: int
    loss: float
    worst: float
    jitter: float | None
    mos: float


class QualityList(Schema):
    items: list[QualityOut]
    count: int


@router.get("/quality", response=QualityList)
@may("calls.see")
def list_quality(request: HttpRequest, asked: Query[QualityIn]) -> dict[str, Any]:
    """The youngest hour first; `direction` is “in” from the provider."""
    items = [
        {
            "hour": each.row.hour, "provider": each.row.provider, "direction": "in" if each.row.inward else "out",
            "packets": each.row.received, "loss": round(each.loss, 3), "worst": round(each.worst, 1),
            "jitter": each.jitter and round(each.jitter, 2), "mos": round(each.mos, 2),
        }
        for each in queries.quality(days=asked.days, provider=asked.provider)
    ]  # fmt: skip
    return {"items": items, "count": len(items)}
