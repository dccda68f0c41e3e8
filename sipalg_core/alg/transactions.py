# SPDX-License-Identifier: GPL-2.0-or-later
"""Which requests are under way, so that only their own responses change anything (RFC 3261 §17, hardening P12, A16)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from sipalg_core.contract.policy import Timers
from sipalg_core.net import Side
from sipalg_core.sip.message import Message
from sipalg_core.sip.via import BRANCH_COOKIE

MAX_TRANSACTIONS: Final = 200_000

Key = tuple[Side, bytes, bytes]


@dataclass(slots=True)
class Transaction:
    key: Key
    peer: str  # the external host: a response counts only from (or to) there
    cseq: int
    deadline: float
    answered_here: bool = False  # we refused it ourselves, so its ACK ends here


class Transactions:
    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self._known: dict[Key, Transaction] = {}
        # One queue for each lifetime, so that each is in the order of its ends.
        self._invites: deque[tuple[float, Transaction]] = deque()
        self._others: deque[tuple[float, Transaction]] = deque()

    def __len__(self) -> int:
        return len(self._known)

    @staticmethod
    def _key(message: Message, side: Side) -> Key:
        """`side` is the requester's. The ACK to a failure shares its INVITE's branch (RFC 3261 §17.1.1.3)."""
        method = b"INVITE" if message.method == b"ACK" else message.method
        if message.branch.startswith(BRANCH_COOKIE) and len(message.branch) > len(BRANCH_COOKIE):
            return side, message.branch, method
        return side, b"%s %d %s" % (message.call_id, message.cseq, message.from_tag), method  # RFC 2543

    def begin(self, message: Message, side: Side, peer: str, now: float) -> Transaction | None:
        """Note a request; None where it is a retransmission or there are too many."""
        key = self._key(message, side)
        if key in self._known or len(self._known) >= MAX_TRANSACTIONS:
            return None
        lifetime = self.timers.provisional_invite if message.method == b"INVITE" else 64 * self.timers.t1
        transaction = Transaction(key, peer, message.cseq, now + lifetime)
        self._known[key] = transaction
        (self._invites if message.method == b"INVITE" else self._others).append((transaction.deadline, transaction))
        return transaction

    def of_response(self, message: Message, side: Side, peer: str) -> Transaction | None:
        """The transaction that a response belongs to; `side` is where the response came from."""
        found = self._known.get(self._key(message, side.other))
        return found if found is not None and found.peer == peer and found.cseq == message.cseq else None

    def refuse(self, message: Message, side: Side, peer: str, now: float) -> None:
        """Note that we answered this INVITE ourselves: its ACK is for us (RFC 3261 §17.1.1.3)."""
        transaction = self._known.get(self._key(message, side)) or self.begin(message, side, peer, now)
        if transaction is not None:
            transaction.answered_here = True

    def of_ack(self, message: Message, side: Side) -> Transaction | None:
        return self._known.get(self._key(message, side))

    def provisional(self, transaction: Transaction, now: float) -> None:
        """The callee still rings: the wait begins anew (RFC 3261 §16.7, Timer C)."""
        transaction.deadline = now + self.timers.provisional_invite

    def expire(self, now: float) -> None:
        for queue in (self._invites, self._others):
            while queue and queue[0][0] <= now:
                transaction = queue.popleft()[1]
                if transaction.deadline > now:
                    queue.append((transaction.deadline, transaction))
                else:
                    del self._known[transaction.key]
