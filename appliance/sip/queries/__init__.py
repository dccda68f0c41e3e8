# SPDX-License-Identifier: GPL-2.0-or-later
"""What telephony is asked: the engine's word on calls and openings, messages with their changes, and the history."""

from appliance.sip.queries.comparison import Line, Piece, compared
from appliance.sip.queries.history import history_settings, last_noted, party, records
from appliance.sip.queries.kept_media import kept_media
from appliance.sip.queries.live import (
    CallSeen,
    Telephony,
    bans,
    call_seen,
    ends_of,
    engine_health,
    ledger,
    message_counts,
    messages,
    providers,
    snapshot,
    telephony,
    transactions,
)
from appliance.sip.queries.parties import Speaker, speakers
from appliance.sip.queries.quality import measured_providers, quality
from appliance.sip.queries.quiet import Awaited, Tried, awaited, last_call, tried
from appliance.sip.queries.selftests import selftests
from appliance.sip.queries.settings import Standing, one, proof, standing, values_of
from appliance.sip.queries.templates import Template, templates

__all__ = [
    "Awaited",
    "CallSeen",
    "Line",
    "Piece",
    "Speaker",
    "Standing",
    "Telephony",
    "Template",
    "Tried",
    "awaited",
    "bans",
    "call_seen",
    "compared",
    "ends_of",
    "engine_health",
    "history_settings",
    "kept_media",
    "last_call",
    "last_noted",
    "ledger",
    "measured_providers",
    "message_counts",
    "messages",
    "one",
    "party",
    "proof",
    "providers",
    "quality",
    "records",
    "selftests",
    "snapshot",
    "speakers",
    "standing",
    "telephony",
    "templates",
    "transactions",
    "tried",
    "values_of",
]
