# SPDX-License-Identifier: GPL-2.0-or-later
"""How many messages of each method and status came from each side. Bounded: what is no method of an RFC is "other"."""

from __future__ import annotations

from collections import Counter as Counts
from typing import Final

from sipalg_core.contract.events import MessageCount
from sipalg_core.net import Side
from sipalg_core.sip.message import Message

METHODS: Final = frozenset(
    b"ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE".split()
)
"""RFC 3261, 3262, 3265, 3311, 3428, 3515, 3903, 6086."""
_OTHER: Final = b"other"


class Traffic:
    def __init__(self) -> None:
        self._counts: Counts[tuple[bool, bytes, int]] = Counts()

    def note(self, message: Message, side: Side) -> None:
        method = message.method if message.method in METHODS else _OTHER
        self._counts[side is Side.INTERNAL, method, message.status_code] += 1

    def rows(self) -> list[MessageCount]:
        """By method; `status` 0 are the requests."""
        return [
            {
                "id": f"{'internal' if internal else 'external'} {method.decode()} {status}",
                "side": "internal" if internal else "external",
                "method": method.decode(),
                "status": status,
                "messages": count,
            }
            for (internal, method, status), count in sorted(self._counts.items())
        ]
