# SPDX-License-Identifier: GPL-2.0-or-later
"""The columns of telephony's tables, and the words for what the engine says."""

from appliance.sip.columns.ladder import ladder_config
from appliance.sip.columns.live import (
    CALL_STATE,
    CALLS,
    CALLS_IN_BRIEF,
    CLOSED,
    INSTEAD,
    PINHOLES,
    PINHOLES_TO_READ,
    REGISTRATIONS,
)
from appliance.sip.columns.sentences import CLOSED_BECAUSE, RULES, SENTENCES, level, said

__all__ = [
    "CALLS",
    "CALLS_IN_BRIEF",
    "CALL_STATE",
    "CLOSED",
    "CLOSED_BECAUSE",
    "INSTEAD",
    "PINHOLES",
    "PINHOLES_TO_READ",
    "REGISTRATIONS",
    "RULES",
    "SENTENCES",
    "ladder_config",
    "level",
    "said",
]
