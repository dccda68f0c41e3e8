# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write of telephony: providers, self-tests, and what an operator does to running calls."""

from appliance.sip.services.calls import close_pinhole, lift_ban
from appliance.sip.services.engine import start_engine
from appliance.sip.services.history import forget_old, note_ended, update_history
from appliance.sip.services.providers import create_provider, delete_provider, describe, update_provider
from appliance.sip.services.quality import note_runs
from appliance.sip.services.selftests import finish_selftest, note_result, request_selftest
from appliance.sip.services.settings import change_settings, describe_settings, enter_settings, reset_settings

__all__ = [
    "change_settings",
    "close_pinhole",
    "create_provider",
    "delete_provider",
    "describe",
    "describe_settings",
    "enter_settings",
    "finish_selftest",
    "forget_old",
    "lift_ban",
    "note_ended",
    "note_result",
    "note_runs",
    "request_selftest",
    "reset_settings",
    "start_engine",
    "update_history",
    "update_provider",
]
