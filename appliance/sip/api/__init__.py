# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of telephony: calls and what stands behind them, providers."""

from appliance.sip.api.calls import router as calls
from appliance.sip.api.providers import router as providers

routers = (calls, providers)

__all__ = ["routers"]
