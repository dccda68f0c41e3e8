# SPDX-License-Identifier: GPL-2.0-or-later
"""The columns of telephony's tables, and the words for what the engine says."""

from appliance.sip.columns.live import CALLS, CALLS_IN_BRIEF, PINHOLES, REGISTRATIONS

__all__ = ["CALLS", "CALLS_IN_BRIEF", "PINHOLES", "REGISTRATIONS"]
