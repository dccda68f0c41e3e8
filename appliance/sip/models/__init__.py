# SPDX-License-Identifier: GPL-2.0-or-later
"""Providers, the history of calls and what is kept of it, self-tests."""

from appliance.sip.models.calls import CallRecord, HistorySettings
from appliance.sip.models.providers import Provider
from appliance.sip.models.selftests import SelfTest

__all__ = ["CallRecord", "HistorySettings", "Provider", "SelfTest"]
