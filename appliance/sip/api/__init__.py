# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of telephony: calls and what stands behind them, providers, settings of the ALG, the self-test."""

from appliance.sip.api.calls import router as calls
from appliance.sip.api.providers import router as providers
from appliance.sip.api.quality import router as quality
from appliance.sip.api.selftests import router as selftests
from appliance.sip.api.settings import router as settings

routers = (calls, quality, providers, selftests, settings)

__all__ = ["routers"]
