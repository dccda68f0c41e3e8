# SPDX-License-Identifier: GPL-2.0-or-later
"""Which requests are under way, so that only their own responses change anything (RFC 3261 §17, hardening P12, A16)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

from sipalg_core.alg.changes import Changes
from sipalg_core.alg.moment import Moment
from sipalg_core.contract.policy import Timers
from sipalg_core.net import Side
from sipalg_core.sip.message import Message
from sipalg_core.sip.via import BRANCH_COOKIE

MAX_TRANSACTIONS: Final = 200_000
KEPT: Final = frozenset({b"INVITE", b"PRACK", b"UPDATE", b"REGISTER"})
"""Methods whose responses change something, so that their transactions must outlive a restart."""

Key = tuple[Side, bytes, bytes]


class Refusal(NamedTuple):
    """How we answered a request in our own name."""

    reason: str
    status: int
    retry_after: int | None


@dataclass(slots=True)
class Transaction:
    key: Key
    peer: str  # the external host: a response counts only from (or to) there
    cseq: int
    deadline: Moment
    concluded: bool = False  # its final response came, or its ACK
    refusal: Refusal | None = None  # we refused it ourselves: so again if it is repeated, and its ACK ends here


class Transactions:
    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._known: dict[Key, Transaction] = {}
        # One queue for each kind of lifetime, so that each is about in the order of its ends.
        self._invites: deque[tuple[float, Transaction]] = deque()
        self._others: deque[tuple[float, Transaction]] = deque()
        self._answered: deque[tuple[float, Transaction]] = deque()  # INVITEs, for 64*T1
        self._over: deque[tuple[float, Transaction]] = deque()  # for T4

    def __len__(self) -> int:
        return len(self._known)

    @staticmethod
    def _key(message: Message, side: Side) -> Key:
        """`side` is the requester's. The ACK to a failure shares its INVITE's branch (RFC 3261 §17.1.1.3)."""
        method = b"INVITE" if message.method == b"ACK" else message.method
        if message.branch.startswith(BRANCH_COOKIE) and len(message.branch) > len(BRANCH_COOKIE):
            return side, message.branch, method
        return side, b"%s %d %s" % (message.call_id, message.cseq, message.from_tag), method  # RFC 2543

    def begin(self, message: Message, side: Side, peer: str, timers: Timers, now: float) -> Transaction | None:
        """The transaction of a request, new or known; None where there are too many."""
        key = self._key(message, side)
        known = self._known.get(key)
        if known is not None or len(self._known) >= MAX_TRANSACTIONS:
            return known
        lifetime = timers.timer_c if message.method == b"INVITE" else 64 * timers.t1
        transaction = Transaction(key, peer, message.cseq, now + lifetime)
        self.add(transaction)
        return transaction

    def add(self, transaction: Transaction) -> None:
        self._known[transaction.key] = transaction
        self._note(transaction)
        queue = self._invites if transaction.key[2] == b"INVITE" else self._others
        queue.append((transaction.deadline, transaction))

    def kept(self) -> list[Transaction]:
        """Those that must outlive a restart."""
        return [known for known in self._known.values() if known.refusal or known.key[2] in KEPT]

    def at(self, key: Key) -> Transaction | None:
        return self._known.get(key)

    def refuse(self, transaction: Transaction, refusal: Refusal) -> None:
        """This is how it was answered, and how it is whenever it is repeated."""
        transaction.refusal = refusal
        self._note(transaction)

    def _note(self, transaction: Transaction) -> None:
        if transaction.refusal or transaction.key[2] in KEPT:
            self._changes.note("transaction", transaction.key)

    def latest(self, number: int) -> list[Transaction]:
        """The youngest first."""
        return list(islice(reversed(self._known.values()), number))

    def of_response(self, message: Message, side: Side, peer: str) -> Transaction | None:
        """The transaction that a response belongs to; `side` is where the response came from."""
        found = self._known.get(self._key(message, side.other))
        return found if found is not None and found.peer == peer and found.cseq == message.cseq else None

    def acknowledged(self, message: Message, side: Side, timers: Timers, now: float) -> Transaction | None:
        """The transaction that an ACK to a failure ends: Timer I of RFC 3261 §17.2.1, T4, and it is over."""
        transaction = self._known.get(self._key(message, side))
        if transaction is not None:
            self._conclude(transaction, now + timers.t4, self._over)
        return transaction

    def answered(self, transaction: Transaction, status: int, timers: Timers, now: float) -> None:
        """A response came: a provisional one prolongs the wait, a final one bounds it.

        The callee still rings: the wait begins anew (RFC 3261 §16.7, Timer C; a 100 only says that the next hop has
        it). A final response to an INVITE may be repeated for 64*T1 (§17.1.1.2, Timer D; §13.3.1.4), one to another
        request for T4 (§17.1.2.2, Timer K); a request that is repeated then begins anew.
        """
        invite = transaction.key[2] == b"INVITE"
        if status >= 200:
            deadline, queue = (now + 64 * timers.t1, self._answered) if invite else (now + timers.t4, self._over)
            self._conclude(transaction, deadline, queue)
        elif status > 100 and invite and not transaction.concluded:  # one that was overtaken changes nothing
            transaction.deadline = max(transaction.deadline, now + timers.provisional_invite)
            self._note(transaction)

    def _conclude(self, transaction: Transaction, deadline: float, queue: deque[tuple[float, Transaction]]) -> None:
        """It ends then; repetitions do not prolong it."""
        if not transaction.concluded or deadline < transaction.deadline:
            transaction.concluded, transaction.deadline = True, deadline
            self._note(transaction)
            queue.append((deadline, transaction))

    def expire(self, now: float) -> None:
        for queue in (self._invites, self._others, self._answered, self._over):
            while queue and queue[0][0] <= now:
                transaction = queue.popleft()[1]
                if transaction.deadline > now:
                    if not transaction.concluded:
                        queue.append((transaction.deadline, transaction))
                elif self._known.get(transaction.key) is transaction:
                    del self._known[transaction.key]
