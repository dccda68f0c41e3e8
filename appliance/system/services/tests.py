# SPDX-License-Identifier: GPL-2.0-or-later
"""Starting a test or a capture: written down with what was asked, then netadmin's business."""

from __future__ import annotations

import secrets
from typing import Any

from django.db import transaction

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall.queries import name_servers
from appliance.kernel.inquiry import ask

CAPTURE = "capture"


def start_test(*, actor: User, kind: str, host: str, port: int = 0, transport: str = "udp", seconds: int = 10) -> str:
    """The job's name; raise ValidationError, or NetadminUnavailable where nobody takes it."""
    job = secrets.token_hex(8)
    asked: dict[str, Any] = {"kind": kind, "host": host}
    if kind == CAPTURE:
        asked["seconds"] = seconds
        ask("capture", job=job, host=host, seconds=seconds)
    else:
        asked |= {"port": port, "transport": transport}
        ask("probe", job=job, asked=asked | {"servers": name_servers()})
    with transaction.atomic():
        record(actor=actor, verb="test", target=actor, after=asked)
    return job
