# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write of telephony: providers, and what an operator does to running calls."""

from appliance.sip.services.calls import close_pinhole
from appliance.sip.services.history import forget_old, note_ended, update_history
from appliance.sip.services.providers import create_provider, delete_provider, describe, update_provider

__all__ = [
    "close_pinhole",
    "create_provider",
    "delete_provider",
    "describe",
    "forget_old",
    "note_ended",
    "update_history",
    "update_provider",
]
