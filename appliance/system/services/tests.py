# SPDX-License-Identifier: GPL-2.0-or-later
"""Starting a test or a capture: written down with what was asked, then netadmin's business."""

from __future__ import annotations

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall.queries import name_servers
from appliance.kernel.inquiry import ask
from appliance.live.control import EngineUnavailable
from appliance.sip.queries import ends_of

CAPTURE = "capture"


def _ends(call: str) -> list[tuple[str, int]]:
    """[] without a call."""
    if not call:
        return []
    try:
        found = ends_of(call)
    except EngineUnavailable as error:
        raise ValidationError({"host": [str(error)]}) from error
    if not found:
        raise ValidationError({"host": [_("This call is over and not known any more.")]})
    return found


def start_test(
    *, actor: User, kind: str, host: str, port: int = 0, transport: str = "udp", seconds: int = 10, call: str = "",
) -> str:  # fmt: skip
    """The job's name; raise ValidationError, or NetadminUnavailable where nobody takes it.

    A capture that names a call takes its packets and no others, as far as they can be told apart.
    """
    job = secrets.token_hex(8)
    asked: dict[str, Any] = {"kind": kind, "host": host}
    if kind == CAPTURE:
        asked |= {"seconds": seconds, "call": call} if call else {"seconds": seconds}
        if call:
            ask("capture", job=job, host=host, seconds=seconds, ends=_ends(call))
        else:
            ask("capture", job=job, host=host, seconds=seconds)
    else:
        asked |= {"port": port, "transport": transport}
        ask("probe", job=job, asked=asked | {"servers": name_servers()})
    with transaction.atomic():
        record(actor=actor, verb="test", target=actor, after=asked)
    return job
