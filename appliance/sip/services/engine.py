# SPDX-License-Identifier: GPL-2.0-or-later
"""Starting the SIP engine where it has stopped."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.kernel.inquiry import ask
from appliance.sip.models import CallRecord
from sipalg_core.contract import names


def start_engine(*, actor: User | str, node: str = names.NODE) -> None:
    """It is back some moments later, with its calls. Raise NetadminUnavailable where nobody could be asked.

    One that runs and does not answer is ended first; one that answers is left alone.
    """
    with transaction.atomic():  # of its own: netadmin may want to write before it answers
        record(actor=actor, verb="start", target=CallRecord(ident="engine"))
    if not ask("start_engine", node=node):
        raise ValidationError({"engine": [_("The SIP engine answers: it does not have to be started.")]})
