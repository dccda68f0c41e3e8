# SPDX-License-Identifier: GPL-2.0-or-later
"""Where calls are found: by message, by id, by what is due next; and how many each internal host has."""

from __future__ import annotations

import heapq
from collections import Counter as Counts
from collections.abc import Iterator

from sipalg_core.alg.calls import Call, CallKey
from sipalg_core.alg.changes import Changes
from sipalg_core.net import Side


class CallTable:
    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._by_key: dict[CallKey, Call] = {}
        self._by_id: dict[str, Call] = {}
        self._agenda: list[tuple[float, str]] = []  # heap of deadlines; an entry that is not the call's own is stale
        self._half_open: set[str] = set()
        self.of_host: Counts[str] = Counts()
        self.half_open_of_host: Counts[str] = Counts()

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, ident: str) -> Call | None:
        return self._by_id.get(ident)

    def at(self, key: CallKey) -> Call | None:
        return self._by_key.get(key)

    def with_id(self, call_id: bytes, host: str) -> list[Call]:
        """The calls of this Call-ID at this internal host: one, or the two halves of a spiral."""
        found = (self._by_key.get((call_id, host, initiator)) for initiator in Side)
        return [call for call in found if call is not None]

    def of_call_id(self, call_id: bytes) -> list[Call]:
        """Those at all internal hosts."""
        return [call for host in self.of_host for call in self.with_id(call_id, host)]

    def add(self, call: Call) -> None:
        self._by_key[call.key] = self._by_id[call.id] = call
        self.of_host[call.internal.host] += 1
        self.settle(call)

    def settle(self, call: Call) -> None:
        """Its state may have changed: what is being set up, or is so again, is half open."""
        half_open, known = call.state == "setup", call.id in self._half_open
        if half_open and not known:
            self._half_open.add(call.id)
            self.half_open_of_host[call.internal.host] += 1
        elif known and not half_open:
            self._half_open.remove(call.id)
            self.half_open_of_host[call.internal.host] -= 1

    def forget(self, call: Call) -> None:
        if self._by_id.pop(call.id, None) is None:
            return
        self._changes.note("call", call.id)
        self.of_host[call.internal.host] -= 1
        if call.id in self._half_open:
            self._half_open.remove(call.id)
            self.half_open_of_host[call.internal.host] -= 1
        if self._by_key.get(call.key) is call:
            del self._by_key[call.key]

    # --- what is due ---

    def schedule(self, call: Call, deadline: float) -> None:
        """This is the call's next step, whatever was planned before."""
        self._changes.note("call", call.id)
        call.deadline = deadline
        if deadline != float("inf"):
            heapq.heappush(self._agenda, (deadline, call.id))

    def next_deadline(self) -> float | None:
        return self._agenda[0][0] if self._agenda else None

    def due(self, now: float) -> Iterator[Call]:
        while self._agenda and self._agenda[0][0] <= now:
            deadline, ident = heapq.heappop(self._agenda)
            call = self._by_id.get(ident)
            if call is not None and call.deadline == deadline:
                yield call
