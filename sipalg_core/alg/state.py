# SPDX-License-Identifier: GPL-2.0-or-later
"""All that an engine must still know after a restart, as one JSON-able value.

Traces, counters and what only guards against haste (rates, denials) are not part of it.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from sipalg_core.alg import mappings as signalling
from sipalg_core.alg.call_ids import CallIds
from sipalg_core.alg.calls import Call
from sipalg_core.alg.dialogs import Dialogs
from sipalg_core.alg.effects import Effect
from sipalg_core.alg.mappings import Mappings
from sipalg_core.alg.moment import Moment
from sipalg_core.alg.plain import Codec, Plain, Unknown
from sipalg_core.alg.ports import Pair
from sipalg_core.alg.registrations import Asked, AskedKey, Registration, Registrations
from sipalg_core.alg.transactions import Transaction, Transactions

VERSION: Final = 2

PARTS: Final[dict[str, Any]] = {
    "mappings": signalling.Mapping,
    "call_ids": tuple[bytes, bytes],  # internal, external
    "registrations": Registration,
    "asked": tuple[AskedKey, Asked],
    "transactions": Transaction,
    "calls": Call,
    "pairs": Pair,
    "quarantine": tuple[Moment, int],
}
"""What each part is a list of."""


class StateError(ValueError):
    """This is no state that can be taken over; the message says why."""


class State:
    """The parts of one engine that have something to keep."""

    def __init__(
        self,
        mappings: Mappings,
        call_ids: CallIds,
        registrations: Registrations,
        transactions: Transactions,
        dialogs: Dialogs,
        codec: Codec,
    ) -> None:
        self._mappings = mappings
        self._call_ids = call_ids
        self._registrations = registrations
        self._transactions = transactions
        self._dialogs = dialogs
        self._codec = codec

    def export(self) -> dict[str, Plain]:
        pool = self._dialogs.negotiation.pool
        parts: dict[str, Iterable[Any]] = {
            "mappings": self._mappings,
            "call_ids": self._call_ids.hidden.items(),
            "registrations": self._registrations.values(),
            "asked": self._registrations.under_way(),
            "transactions": self._transactions.values(),
            "calls": self._dialogs.table,
            "pairs": pool.pairs(),
            "quarantine": pool.quarantine,
        }
        exported: dict[str, Plain] = {"version": VERSION}
        for name, kind in PARTS.items():
            exported[name] = [self._codec.plain(kind, each) for each in parts[name]]
        return exported

    def restore(self, exported: Mapping[str, Any], now: float) -> list[Effect]:
        parts = self._read(exported)
        for mapping in parts["mappings"]:
            if self._mappings.is_ours(mapping.external.host) or not mapping.translates:
                self._mappings.add(mapping)
        for call_id, hidden in parts["call_ids"]:
            self._call_ids.restore(call_id, hidden)
        self._registrations.restore(parts["registrations"], parts["asked"])
        for transaction in parts["transactions"]:
            self._transactions.add(transaction)
        calls: list[Call] = parts["calls"]
        holders = Counts(rtp for call in calls for rtp in call.pairs)
        pool = self._dialogs.negotiation.pool
        for pair in parts["pairs"]:
            pair.calls = holders[pair.rtp]
            if pair.calls:
                pool.add(pair)
        for until, port in parts["quarantine"]:
            pool.rest(until, port)
        return [effect for call in calls for effect in self._dialogs.restore(call, now)]

    def _read(self, exported: Mapping[str, Any]) -> dict[str, list[Any]]:
        """The parts; without what belongs to a rule that is gone. Raises StateError."""
        version = exported.get("version") if isinstance(exported, dict) else None
        if version != VERSION:
            raise StateError(f"version {version}, not {VERSION}")
        try:
            return {name: list(self._values(kind, exported[name])) for name, kind in PARTS.items()}
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise StateError(f"{type(error).__name__}: {error}") from error

    def _values(self, kind: Any, plain: Iterable[Plain]) -> Iterator[Any]:
        for each in plain:
            try:
                yield self._codec.value(kind, each)
            except Unknown:
                continue
