# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of the country data: which edition is in use, another one beside it, and what it would change."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import date
from typing import Any

from django.http import HttpRequest
from ninja import File, Form, Router, Schema, Status, UploadedFile

from appliance.firewall import queries, services
from appliance.firewall.api.references import actor
from appliance.firewall.models import CountryData
from appliance.ui.requests import may

router = Router(tags=["firewall"])


class DifferenceOut(Schema):
    """Ranges; `country` is `*` for all the world."""

    country: str
    added: int
    removed: int
    before: int
    after: int
    suspicious: bool


class CountryDataOut(Schema):
    id: int
    source: str
    published: date
    licence: str
    active: bool
    differences: list[DifferenceOut]


class CountryDataList(Schema):
    items: list[CountryDataOut]
    count: int


@router.get("/country-data", response=CountryDataList)
@may("objects.see")
def list_country_data(request: HttpRequest) -> dict[str, Any]:
    """The edition in use, and the one that waits for a decision."""
    editions = (queries.active_country_data(), queries.waiting_country_data())
    items = [_edition(each) for each in editions if each is not None]
    return {"items": items, "count": len(items)}


@router.post("/country-data", response={201: CountryDataOut})
@may("objects.change")
def upload_country_data(
    request: HttpRequest,
    files: File[list[UploadedFile]],
    name: Form[str] = "",
    licence: Form[str] = "",
    published: Form[date | None] = None,
) -> Status[dict[str, Any]]:
    """CSV (first, last, country or network, country) or MMDB; nothing changes until it is used."""
    contents = [file.read() for file in files]
    data = services.upload_country_data(
        actor=actor(request), name=name or ", ".join(file.name or "" for file in files), files=contents,
        licence=licence, published=published,
    )  # fmt: skip
    return Status(201, _edition(data))


@router.post("/country-data/{data_id}/use", response=CountryDataOut)
@may("objects.change")
def use_country_data(request: HttpRequest, data_id: int, force: bool = False) -> dict[str, Any]:
    """At once. Where a country would lose more than 30 % of its ranges, only with `force`."""
    data = CountryData.objects.get(pk=data_id)
    return _edition(services.use_country_data(actor=actor(request), data=data, force=force))


@router.delete("/country-data/{data_id}", response={204: None})
@may("objects.change")
def discard_country_data(request: HttpRequest, data_id: int) -> Status[None]:
    services.discard_country_data(actor=actor(request), data=CountryData.objects.get(pk=data_id))
    return Status(204, None)


def _edition(data: CountryData) -> dict[str, Any]:
    differences = [] if data.active else queries.country_differences(data)
    return {
        "id": data.pk, "source": data.source, "published": data.published, "licence": data.licence,
        "active": data.active,
        "differences": [
            {"country": each.code, "added": each.added, "removed": each.removed, "before": each.before,
             "after": each.after, "suspicious": each.suspicious}
            for each in differences
        ],
    }  # fmt: skip
