# SPDX-License-Identifier: GPL-2.0-or-later
"""People and maintenance windows as plain values: what REST and the command line say of them."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from appliance import exposure
from appliance.accounts import queries
from appliance.accounts.models import MaintenanceWindow, User
from appliance.accounts.services import Invitation
from appliance.audit.columns import words
from appliance.permissions import Scope


def person(user: User) -> dict[str, Any]:
    return {
        "id": user.pk, "username": user.username, "role": user.role, "works": user.works, "ends": user.ends,
        "source": user.source, "second_factor": queries.has_second_factor(user),
        "sessions": queries.signed_in(user).count(), "last_login": user.last_login,
    }  # fmt: skip


def invitation(made: Invitation) -> dict[str, Any]:
    url = f"{settings.CONSOLE_ORIGINS[0]}/accounts/link/{made.link}/"
    return {
        "id": made.user.pk, "username": made.user.username, "ends": made.user.ends, "url": url, "code": made.code,
    }  # fmt: skip


def window(opened: MaintenanceWindow) -> dict[str, Any]:
    return {
        "id": opened.pk, "scope": Scope(opened.scope).name.lower(), "sources": opened.sources, "reason": opened.reason,
        "started": opened.started, "started_by": opened.started_by, "ends": opened.ends, "ended": opened.ended,
        "ended_by": opened.ended_by,
    }  # fmt: skip


def report(opened: MaintenanceWindow) -> dict[str, Any]:
    acts = [
        {"time": each.time, "actor": each.actor, "source": each.source, "verb": each.verb, "target": each.target,
         "words": words(each)}
        for each in exposure.support_acts(opened)
    ]  # fmt: skip
    return window(opened) | {"acts": acts, "changes": [each.text for each in exposure.window_changes(opened)]}
