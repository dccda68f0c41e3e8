# SPDX-License-Identifier: GPL-2.0-or-later
"""How often somebody may try a password: bounded for each account and each source, and nobody is locked out by others.

Who has come in from a source before is not hindered by what others try on his account. The machine's own console needs
no password: `signin_link` always works.
"""

from __future__ import annotations

import ipaddress
from datetime import timedelta
from typing import Final

from django.db.models import Max
from django.utils import timezone

from appliance.accounts.models import Attempt

SHORT: Final = timedelta(minutes=5)
LONG: Final = timedelta(minutes=15)
REMEMBERED: Final = timedelta(days=30)

OF_ACCOUNT_FROM_SOURCE: Final = 5
"""Wrong passwords in SHORT."""
OF_SOURCE: Final = 20
"""In SHORT, whatever the accounts."""
OF_ACCOUNT: Final = 30
"""In LONG, from all sources where nobody has come in with it."""


def wait(account: str, source: str) -> timedelta | None:
    """How long this account must wait from this source; None where it may try now. What must wait is not counted."""
    now, account, source = timezone.now(), account.casefold()[:150], network_of(source)
    failed = Attempt.objects.filter(succeeded=False)
    recent = failed.filter(time__gt=now - SHORT, source=source)
    known = Attempt.objects.filter(
        succeeded=True, account=account, source=source, time__gt=now - REMEMBERED
    ).exists()  # fmt: skip
    strangers = failed.filter(time__gt=now - LONG, account=account)
    limits = (
        (recent.filter(account=account), OF_ACCOUNT_FROM_SOURCE, SHORT),
        (recent, OF_SOURCE, SHORT),
        (strangers if not known else failed.none(), OF_ACCOUNT, LONG),
    )
    waits = [
        period - (now - counted.aggregate(last=Max("time"))["last"])
        for counted, limit, period in limits
        if counted.count() >= limit
    ]
    return max(waits) if waits else None


def note(account: str, source: str, *, succeeded: bool) -> None:
    now, account, source = timezone.now(), account.casefold()[:150], network_of(source)
    Attempt.objects.filter(time__lt=now - REMEMBERED).delete()
    if succeeded:
        Attempt.objects.filter(account=account, source=source).delete()
    else:
        Attempt.objects.filter(succeeded=False, time__lt=now - LONG).delete()
    Attempt.objects.create(account=account, source=source, succeeded=succeeded)


def network_of(source: str) -> str:
    """An IPv6 host has a whole /64 to try from."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return source[:64]
    return source if address.version == 4 else str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
