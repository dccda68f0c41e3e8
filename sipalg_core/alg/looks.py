# SPDX-License-Identifier: GPL-2.0-or-later
"""What people may ask of an engine beyond the live topics: one call in full, the ledger, transactions, counts, ends."""

from __future__ import annotations

from typing import Final

from sipalg_core.alg.calls import Call
from sipalg_core.alg.dialogs import Dialogs
from sipalg_core.alg.ledger import media_rows, open_row
from sipalg_core.alg.rows import call_row
from sipalg_core.alg.trace import Traces
from sipalg_core.alg.traffic import Traffic
from sipalg_core.alg.transactions import Transactions
from sipalg_core.contract.events import (
    CallPart,
    CallTimers,
    EndedRow,
    LegRow,
    LookedAtRow,
    MessageCount,
    OpeningRow,
    StreamRow,
    TransactionRow,
)

# --- Implementation constants ---
MAX_TRANSACTIONS_SHOWN: Final = 500
MAX_CLOSED_SHOWN: Final = 150
"""Of the closed openings, where they are asked for again and again."""


class Looks:
    """Made for one question; reads, and changes nothing."""

    def __init__(
        self, dialogs: Dialogs, traces: Traces, transactions: Transactions, traffic: Traffic, wall: float
    ) -> None:
        self._dialogs, self._traces, self._wall = dialogs, traces, wall
        self._transactions, self._traffic = transactions, traffic

    def call(self, ident: str) -> list[CallPart]:
        """The call, its messages without their texts, and its openings; what is forgotten is left out."""
        call = self._dialogs.table.get(ident) or self._dialogs.history.get(ident)
        parts: list[CallPart] = []
        if call is not None:
            looked_at: LookedAtRow = {
                **call_row(call, self._wall),
                "part": "call",
                "timers": _timers(call, self._wall),
                "legs": self._legs(call),
            }
            parts.append(looked_at)
        parts += self._traces.brief(ident, self._wall)
        for row in reversed(self.ledger(ident)):
            stream: StreamRow = {**row, "part": "stream"}
            parts.append(stream)
        return parts

    def _legs(self, call: Call) -> list[LegRow]:
        """Of a call that is over, the legs that are over, too."""
        found = self._dialogs.table.of_call_id(call.call_id)
        if not call.alive:
            found += self._dialogs.history.of_call_id(call.call_id)
        legs = {leg.id: leg for leg in found if leg.id != call.id}
        return [
            {"id": leg.id, "from_uri": leg.from_uri, "to_uri": leg.to_uri, "internal": str(leg.internal)}
            for leg in legs.values()
        ]

    def ledger(self, call: str = "") -> list[OpeningRow]:
        """The youngest first: what is open, then what closed; of one call only where its id is given."""
        entries = self._dialogs.negotiation.ledger
        opened = [open_row(hole, of, entries.counted, self._wall) for hole, of in entries if not call or of.id == call]
        return [*reversed(opened), *entries.openings.rows(self._wall, call)]

    def closed(self) -> list[OpeningRow]:
        """The openings that closed last."""
        return self._dialogs.negotiation.ledger.openings.rows(self._wall, most=MAX_CLOSED_SHOWN)

    def transactions(self) -> list[TransactionRow]:
        """Those begun last."""
        return [
            {
                "id": " ".join([known.key[0].value, *(each.decode("utf-8", "replace") for each in known.key[1:])]),
                "branch": known.key[1].decode("utf-8", "replace"),
                "method": known.key[2].decode("ascii", "replace"),
                "side": known.key[0].value,
                "peer": known.peer,
                "cseq": known.cseq,
                "ends": known.deadline + self._wall,
                "refused": known.refusal.reason if known.refusal else "",
            }
            for known in self._transactions.latest(MAX_TRANSACTIONS_SHOWN)
        ]

    def counters(self) -> list[MessageCount]:
        return self._traffic.rows()

    def ended(self, after: float) -> list[EndedRow]:
        """Calls that ended, in the order of `noted`."""
        found = self._dialogs.history.after(after - self._wall)
        return [
            {"noted": noted + self._wall, "call": call_row(call, self._wall), "media": media_rows(call, self._wall)}
            for noted, call in found
        ]


def _timers(call: Call, wall: float) -> CallTimers:
    """`next_step` of a call that has no longest duration is not known."""
    lasting = [hole.pinhole.lifetime for hole in call.holes() if not hole.held]
    interval = call.session_interval if call.alive else 0
    return {
        "silence": round(max(lasting, default=0)),
        "session": interval,
        "session_due": call.refreshed + interval + wall if interval else None,
        "next_step": call.deadline + wall if call.deadline != float("inf") else None,
    }
