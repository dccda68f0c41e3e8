# SPDX-License-Identifier: GPL-2.0-or-later
"""Providers, the settings of the ALG, the history of calls and what is kept of it, quality, self-tests."""

from appliance.sip.models.calls import CallRecord, HistorySettings
from appliance.sip.models.providers import Provider
from appliance.sip.models.quality import QualityHour
from appliance.sip.models.selftests import SelfTest
from appliance.sip.models.settings import AlgSettings

__all__ = ["AlgSettings", "CallRecord", "HistorySettings", "Provider", "QualityHour", "SelfTest"]
