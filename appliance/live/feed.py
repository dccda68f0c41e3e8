# SPDX-License-Identifier: GPL-2.0-or-later
"""A copy of one live topic and its numbering: what changes it goes in, snapshots and numbered deltas come out.

Nothing here reads a socket or a clock. Snapshot + deltas == the next snapshot, always.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Row = dict[str, Any]
Message = dict[str, Any]


class Feed:
    """Changes wait in `_changed` until `delta` takes them: that is all the coalescing there is."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.seq = 0
        self._rows: dict[str, Row] = {}
        self._announced: dict[str, Row] = {}  # what browsers hold that have seen message `seq`
        self._changed: set[str] = set()

    @property
    def dirty(self) -> bool:
        return bool(self._changed)

    def put(self, row: Row) -> None:
        self._rows[row["id"]] = row
        self._changed.add(row["id"])

    def delete(self, row_id: str) -> None:
        self._rows.pop(row_id, None)
        self._changed.add(row_id)

    def apply(self, ops: Iterable[Message]) -> None:
        """Operations as contract.events.Delta has them."""
        for op in ops:
            if op["op"] == "put":
                self.put(op["row"])
            else:
                self.delete(op["id"])

    def replace(self, rows: Iterable[Row]) -> None:
        """Become exactly these rows; only the differences will be told."""
        fresh = {row["id"]: row for row in rows}
        self._changed |= {row_id for row_id in self._rows.keys() | fresh if self._rows.get(row_id) != fresh.get(row_id)}
        self._rows = fresh

    def snapshot(self, now: float) -> Message:
        """What a browser that has just come must hold so that delta `seq + 1` fits."""
        return {
            "topic": self.topic,
            "seq": self.seq,
            "kind": "snapshot",
            "t": now,
            "rows": list(self._announced.values()),
        }

    def delta(self, now: float) -> Message | None:
        """The next numbered message, or None where nothing differs from what was told."""
        ops: list[Message] = []
        for row_id in sorted(self._changed):
            row, announced = self._rows.get(row_id), self._announced.get(row_id)
            if row == announced:
                continue
            if row is None:
                ops.append({"op": "del", "id": row_id})
                del self._announced[row_id]
            else:
                ops.append({"op": "put", "row": row})
                self._announced[row_id] = row
        self._changed.clear()
        if not ops:
            return None
        self.seq += 1
        return {"topic": self.topic, "seq": self.seq, "kind": "delta", "t": now, "ops": ops}
