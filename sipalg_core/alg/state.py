# SPDX-License-Identifier: GPL-2.0-or-later
"""All that an engine must still know after a restart, as records of one thing each: a later one replaces an earlier.

Traces, counters and what only guards against haste (rates, denials) are not part of it. A record is
`[part, name, value]`, of plain JSON values; a value of None says that the thing is gone.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable
from operator import attrgetter
from typing import Any, Final

from sipalg_core.alg import mappings as signalling
from sipalg_core.alg.call_ids import CallIds
from sipalg_core.alg.calls import Call
from sipalg_core.alg.changes import Changes, Name, Part
from sipalg_core.alg.dialogs import Dialogs
from sipalg_core.alg.mappings import Mappings
from sipalg_core.alg.plain import Reader, Unknown, writer
from sipalg_core.alg.ports import Pair, Rest
from sipalg_core.alg.registrations import Asked, AskedKey, Registration, Registrations
from sipalg_core.alg.transactions import Transaction, Transactions
from sipalg_core.net import Endpoint

VERSION: Final = 4

KINDS: Final[dict[Part, Any]] = {
    "mapping": signalling.Mapping,
    "call-id": tuple[bytes, bytes],  # internal, external
    "registration": Registration,
    "asked": tuple[AskedKey, Asked],
    "transaction": Transaction,
    "pair": Pair,
    "call": Call,
    "rest": Rest,
}
"""What a record of each part is."""

Record = list[Any]


class State:
    """The parts of one engine that have something to keep."""

    def __init__(
        self,
        mappings: Mappings,
        call_ids: CallIds,
        registrations: Registrations,
        transactions: Transactions,
        dialogs: Dialogs,
        changes: Changes,
        reader: Reader,
    ) -> None:
        self.changes = changes
        self._mappings = mappings
        self._call_ids = call_ids
        self._registrations = registrations
        self._transactions = transactions
        self._dialogs = dialogs
        self._reader = reader
        self._write = {part: writer(kind) for part, kind in KINDS.items()}

    def endpoints(self) -> list[Endpoint]:
        """Where the outside may send signalling to us: one for each mapping."""
        return [mapping.external for mapping in self._mappings]

    # --- writing down ---

    def names(self) -> list[Name]:
        """Of everything that there is now."""
        pool = self._dialogs.negotiation.pool
        found: list[Name] = [("mapping", mapping.key) for mapping in self._mappings]
        found += [("call-id", call_id) for call_id in self._call_ids.hidden]
        found += [("registration", known.id) for known in self._registrations.values()]
        found += [("asked", key) for key, _ in self._registrations.under_way()]
        found += [("transaction", known.key) for known in self._transactions.kept()]
        found += [("pair", pair.rtp) for pair in pool.pairs()]
        found += [("call", call.id) for call in self._dialogs.table]
        found += [("rest", port) for port in pool.resting]
        return found

    def export(self) -> list[Record]:
        """Everything."""
        return self.records(self.names())

    def records(self, names: Iterable[Name]) -> list[Record]:
        records = []
        for part, key in names:
            value = self._value(part, key)
            records.append([part, _word(key), None if value is None else self._write[part](value)])
        return records

    def _value(self, part: Part, key: Any) -> Any:
        """The thing of this name; None where it is gone."""
        match part:
            case "call":
                return self._dialogs.table.get(key)
            case "transaction":
                return self._transactions.at(key)
            case "pair":
                return self._dialogs.negotiation.pool.at(key)
            case "mapping":
                return self._mappings.of_internal(*key)
            case "call-id":
                hidden = self._call_ids.hidden.get(key)
                return None if hidden is None else (key, hidden)
            case "registration":
                return self._registrations.get(key)
            case "asked":
                asked = self._registrations.asked_by(key)
                return None if asked is None else (key, asked)
            case "rest":
                return self._dialogs.negotiation.pool.resting.get(key)

    # --- going on ---

    def restore(self, records: Iterable[Any], now: float) -> int:
        """Take over what an engine before us wrote, oldest first; how many records were none, and are left out.

        Only for an engine that has received nothing. What belongs to a rule that is gone is left out, too.
        """
        latest: dict[tuple[Part, str], Any] = {}
        wrong = 0
        for record in records:
            try:
                part, name, value = record
                latest[part, name] = value
            except (ValueError, TypeError):
                wrong += 1
        found: dict[Part, list[Any]] = {part: [] for part in KINDS}
        for (part, _), plain in latest.items():
            try:
                if plain is not None:
                    found[part].append(self._reader.value(KINDS[part], plain))
            except Unknown:
                continue
            except (ValueError, TypeError, KeyError, IndexError, AttributeError):
                wrong += 1
        self._take_signalling(found, now)
        self._take_calls(found["call"], found["pair"], now)
        for rest in sorted(found["rest"], key=attrgetter("until")):
            if self._dialogs.negotiation.pool.owner(rest.port) is None:
                self._dialogs.negotiation.pool.rest(rest)
        return wrong

    def _take_signalling(self, found: dict[Part, list[Any]], now: float) -> None:
        for mapping in found["mapping"]:
            mapping.touched = now  # it may have been used unseen
            if self._mappings.is_ours(mapping.external.host) or not mapping.translates:
                self._mappings.add(mapping)
        for call_id, hidden in found["call-id"]:
            self._call_ids.restore(call_id, hidden)
        self._registrations.restore(found["registration"], found["asked"])
        for transaction in found["transaction"]:
            if transaction.deadline > now:
                self._transactions.add(transaction)

    def _take_calls(self, calls: list[Call], pairs: list[Pair], now: float) -> None:
        holders = Counts(rtp for call in calls for rtp in call.pairs)
        for pair in pairs:
            pair.calls = holders[pair.rtp]
            if pair.calls:
                self._dialogs.negotiation.pool.add(pair)
        for call in calls:
            call.pairs = {rtp: port for rtp, port in call.pairs.items() if self._dialogs.negotiation.pool.at(rtp)}
            self._dialogs.restore(call, now)


def _word(key: Any) -> str:
    """The name of a thing as text, the same for the same thing."""
    return key if isinstance(key, str) else repr(key)
