# SPDX-License-Identifier: GPL-2.0-or-later
"""What an operator does to running calls, and to who is not heard."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.live.control import EngineRefused, ask_engine, engine_items
from appliance.sip.models import CallRecord


@transaction.atomic
def close_pinhole(*, actor: User | str, pinhole: str) -> None:
    """At once; the call stays, and its next description opens media again. Raise EngineUnavailable."""
    opening = next((row for row in engine_items("ledger") if row["id"] == pinhole and row["closed"] is None), None)
    if opening is None:
        raise ValidationError({"pinhole": [_("This pinhole is not open any more.")]})
    what = {name: opening[name] for name in ("call_id", "internal", "mapped", "external", "media", "component")}
    record(actor=actor, verb="close", target=CallRecord(ident=opening["call"]), before=what)
    try:
        ask_engine({"op": "close", "pinhole": pinhole})
    except EngineRefused as error:
        raise ValidationError({"pinhole": [_("This pinhole is not open any more.")]}) from error


@transaction.atomic
def lift_ban(*, actor: User | str, host: str) -> None:
    """At once; whoever goes on is banned again. Raise EngineUnavailable."""
    record(actor=actor, verb="unban", target=CallRecord(ident=host))
    try:
        ask_engine({"op": "unban", "host": host})
    except EngineRefused as error:
        raise ValidationError({"host": [_("This host is not banned any more.")]}) from error
