# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to the country data: the edition that came with us, uploads, and which edition is in use."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall import queries
from appliance.firewall.models import CountryData, CountryRanges
from appliance.firewall.services.contents import ask
from appliance.ruleset import countries
from appliance.ruleset.country_data import LARGEST, MMDB, MOST_ROWS, CountryDataError, Read, read
from sipalg_core.contract import names

log = logging.getLogger(__name__)

BUNDLED: Final = ("NRO, by ip-location-db", date(2026, 6, 17))
"""Name and date of what deploy.assets lays into vendor/country."""
_FOLDER: Final = "vendor/country"


def have_country_data() -> CountryData | None:
    """The edition in use. The first time, and after an update of the appliance, that is the one that came with it."""
    active = queries.active_country_data()
    source, published = BUNDLED
    if active and (active.source != source or active.published >= published):
        return active
    folder = Path(settings.BASE_DIR) / _FOLDER
    files = [folder / name for name in ("ipv4.csv", "ipv6.csv")]
    if not all(file.exists() for file in files):
        log.warning("no country data in %s", folder)
        return active
    found = read(file.read_bytes() for file in files)
    licence = (folder / "LICENSE").read_text() if (folder / "LICENSE").exists() else ""
    with transaction.atomic():
        data = _store(found, source=source, published=published, licence=licence, actor="setup")
        if active is None or not _suspicious(data):
            _activate(data)
            record(actor="setup", verb="use", target=data)
    return queries.active_country_data()


def upload_country_data(
    *, actor: User | str, name: str, files: Sequence[bytes], published: date | None = None, licence: str = "",
    tell: Callable[[int, int], None] = lambda _done, _of: None,
) -> CountryData:  # fmt: skip
    """Keep an edition beside the one in use, for the operator to see what would change.

    `tell` hears how many rows of how many are read; an MMDB does not say how many it has.
    """
    if not files:
        raise ValidationError({"files": [_("Choose a CSV or MMDB file; IPv4 and IPv6 may be two files.")]})
    try:
        rows = 0 if any(MMDB in file for file in files) else sum(file.count(b"\n") for file in files)
        found = read(files, lambda done: tell(done, max(rows, done) if rows else 0))
    except CountryDataError as error:
        raise ValidationError({"files": [_sentence(error)]}) from error
    day = found.published or published or timezone.now().date()
    if day > timezone.now().date():
        raise ValidationError({"published": [_("The date lies in the future.")]})
    with transaction.atomic():
        CountryData.objects.filter(active=False).delete()
        data = _store(found, source=name.strip()[:160] or _("upload"), published=day, licence=licence, actor=str(actor))
        record(actor=actor, verb="upload", target=data, after={"countries": len(found.countries)})
    return data


@transaction.atomic
def use_country_data(*, actor: User | str, data: CountryData, force: bool = False) -> CountryData:
    """Let all country objects follow this edition, at once. A drop of a third needs `force`."""
    worst = _suspicious(data)
    if worst and not force:
        raise ValidationError({"force": [_("%s Kept the old data.") % worst]}, code="drop")
    _activate(data)
    record(actor=actor, verb="use", target=data, reason=worst)
    transaction.on_commit(lambda: ask("follow_objects", names.netadmin_queue()))
    return data


@transaction.atomic
def discard_country_data(*, actor: User | str, data: CountryData) -> None:
    if data.active:
        raise ValidationError({"data": [_("This edition is in use.")]})
    record(actor=actor, verb="discard", target=data)
    data.delete()


def _store(found: Read, *, source: str, published: date, licence: str, actor: str) -> CountryData:
    data = CountryData.objects.create(source=source, published=published, licence=licence[:4000], imported_by=actor)
    CountryRanges.objects.bulk_create(
        CountryRanges(data=data, code=code, ip=spans.ip, ip6=spans.ip6) for code, spans in found.countries.items()
    )
    return data


def _activate(data: CountryData) -> None:
    CountryData.objects.exclude(pk=data.pk).delete()
    data.active = True
    data.save(update_fields=["active"])


def _suspicious(data: CountryData) -> str:
    """In words, where too much would be gone."""
    drops = [each for each in queries.country_differences(data) if each.suspicious]
    if not drops:
        return ""
    worst = max(drops, key=lambda each: (each.code != "*", (each.before - each.after) / each.before))
    message = _("New country data has %(percent)d %% fewer ranges for %(country)s.")
    country = _("all countries") if worst.code == "*" else countries.name(worst.code, get_language())
    lost = round(100 * (worst.before - worst.after) / worst.before)
    return message % {"percent": lost, "country": country}


def _sentence(error: CountryDataError) -> str:
    sentences = {
        "too_large": _("The file is larger than %d MB.") % (LARGEST // 1024 // 1024),
        "too_many_rows": _("The file has more than %d rows.") % MOST_ROWS,
        "no_countries": _("The file names no country."),
        "bad_line": _("Line %s is not like first address, last address, country; or network, country.") % error.where,
        "bad_mmdb": _("The MMDB file is damaged."),
    }
    return sentences[error.code]
