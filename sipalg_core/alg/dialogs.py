# SPDX-License-Identifier: GPL-2.0-or-later
"""What the messages of calls do: dialogs begin and end, descriptions are exchanged, pinholes open and close.

State changes only on messages that match a call by Call-ID and tags, responses only within their transaction (P12).
"""

from __future__ import annotations

import heapq
from collections import Counter as Counts
from random import Random
from typing import Final

from sipalg_core.alg.calls import KEPT_AFTER_END, MAX_CALLS, RETRY_WAIT, Call, Dialog, Happening, Hole
from sipalg_core.alg.effects import Changed, ClosePinhole, Effect
from sipalg_core.alg.negotiation import WITH_DESCRIPTION, Negotiation
from sipalg_core.alg.passage import Passage, Refused
from sipalg_core.alg.screening import Screening
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Side
from sipalg_core.sip.message import Message
from sipalg_core.sip.uri import name_addrs

# --- Specification constants ---
CHALLENGES: Final = (401, 407)
FAILURES: Final = {486: Happening.BUSY, 600: Happening.BUSY, 487: Happening.CANCELLED}
# --- Implementation constants ---
RETRY_AFTER: Final = 30

CallKey = tuple[bytes, str]  # Call-ID and internal host: a call that spirals back to another phone of ours is two


class Dialogs:
    """All calls of one engine."""

    def __init__(self, policy: AlgPolicy, screening: Screening, random: Random, counts: Counts[str]) -> None:
        self.timers = policy.timers
        self.negotiation = Negotiation(policy, screening, random, counts)
        self._counts = counts
        self._calls: dict[CallKey, Call] = {}
        self._by_id: dict[str, Call] = {}
        self._agenda: list[tuple[float, str]] = []  # heap of deadlines; an entry that is not the call's own is stale
        self._serial = 0
        self._run = random.getrandbits(32)

    def set_policy(self, policy: AlgPolicy, screening: Screening) -> None:
        self.timers = policy.timers
        self.negotiation.policy, self.negotiation.screening = policy, screening

    # --- questions ---

    def calls(self) -> list[Call]:
        return list(self._by_id.values())

    def get(self, ident: str) -> Call | None:
        return self._by_id.get(ident)

    def next_deadline(self) -> float | None:
        return self._agenda[0][0] if self._agenda else None

    # --- messages ---

    def request(self, passage: Passage) -> None:
        message = passage.message
        if message.method == b"INVITE" and not message.to_tag:
            invited = self._invited(passage)
            self.negotiation.describe(passage, invited, None)
            self._changed(passage, invited)
            return
        call = self._find(passage)
        if call is None:
            return
        if message.method == b"CANCEL":
            if call.apply(Happening.CANCELLED, passage.now, _by(passage.side, "cancelled")):
                self._schedule(call, passage.now + self.timers.teardown)
                self._changed(passage, call)
            return
        dialog = call.dialog_of(message.from_tag, message.to_tag, may_begin=False)
        if dialog is None:
            if message.method != b"ACK":  # the ACK to a failure is of no dialog (RFC 3261 §17.1.1.3)
                self._counts["ignored:no-dialog"] += 1
        elif message.method == b"BYE":
            self._hang_up(passage, call, dialog)
        elif message.method in WITH_DESCRIPTION:
            self.negotiation.describe(passage, call, dialog)

    def response(self, passage: Passage) -> None:
        """A response within its transaction; provisional and final, to the first INVITE and to later ones."""
        message = passage.message
        call = self._find(passage)
        if call is None or message.method not in WITH_DESCRIPTION:
            return
        to_first = message.method == b"INVITE" and message.cseq == call.cseq and message.from_tag == call.caller_tag
        dialog = call.dialog_of(message.from_tag, message.to_tag, may_begin=to_first and message.status_code < 300)
        if to_first and call.answered is None:
            self._answer_to_first(passage, call, dialog)
        elif dialog is not None and message.status_code < 300:
            self.negotiation.describe(passage, call, dialog)
            dialog.confirmed = dialog.confirmed or (to_first and message.status_code >= 200)  # a second fork answers
        elif dialog is not None and not to_first:
            dialog.offer = None  # refused: the session stays as it was (RFC 3261 §14.1)

    def _answer_to_first(self, passage: Passage, call: Call, dialog: Dialog | None) -> None:
        message, now = passage.message, passage.now
        status = message.status_code
        if status == 100:
            return
        if status < 200:
            if call.alive:
                self._schedule(call, now + self.timers.provisional_invite)
            if dialog is not None:
                self.negotiation.describe(passage, call, dialog)
            if passage.side is Side.EXTERNAL and not call.holes():
                self.negotiation.open_gates(passage, call)
        elif status < 300:
            if dialog is not None and call.apply(Happening.ANSWERED, now):
                self.negotiation.describe(passage, call, dialog)
                self._confirm(passage, call, dialog)
        elif status in CHALLENGES and call.alive:
            passage.after += self.negotiation.close(call)
            self._schedule(call, now + RETRY_WAIT)
        else:
            happening = FAILURES.get(status, Happening.DIVERTED if status < 400 else Happening.REJECTED)
            call.apply(happening, now, f"{status} {message.reason_phrase.decode('utf-8', 'replace')}")
            passage.after += self._end(call, now)
        self._changed(passage, call)

    def _hang_up(self, passage: Passage, call: Call, dialog: Dialog) -> None:
        if any(other.confirmed for other in call.dialogs.values() if other is not dialog):
            self.negotiation.shut_all(passage, dialog)  # one of two forks that both answered
            del call.dialogs[dialog.callee_tag]
        elif call.apply(Happening.HUNG_UP, passage.now, _by(passage.side, "hung up")):
            self._schedule(call, passage.now + self.timers.teardown)
        self._changed(passage, call)

    # --- steps ---

    def _find(self, passage: Passage) -> Call | None:
        return self._calls.get((passage.message.call_id, passage.mapping.internal.host))

    def _invited(self, passage: Passage) -> Call:
        """The call of an INVITE outside a dialog: new, retransmitted, or sent again to answer a challenge."""
        message, now = passage.message, passage.now
        key = (message.call_id, passage.mapping.internal.host)
        known = self._calls.get(key)
        if known is not None and not known.alive and message.cseq > known.cseq:
            passage.after += self._end(known, now)
            self._forget(known)
            known = None
        if known is None and len(self._calls) >= MAX_CALLS:
            raise Refused("call-limit", retry_after=RETRY_AFTER)
        call = known or self._new_call(passage, key)
        if message.cseq > call.cseq:
            call.cseq, call.caller_tag, call.offer = message.cseq, message.from_tag, None
            call.dialogs.clear()
            self._schedule(call, now + self.timers.provisional_invite)
        return call

    def _new_call(self, passage: Passage, key: CallKey) -> Call:
        message = passage.message
        self._serial += 1
        call = Call(
            id=f"c{self._run:x}-{self._serial}",
            call_id=message.call_id,
            direction="outbound" if passage.side is Side.INTERNAL else "inbound",
            from_uri=_uri(message, b"from"),
            to_uri=_uri(message, b"to"),
            internal=passage.mapping.internal,
            peer=passage.peer,
            peering=passage.peering,
            caller_tag=message.from_tag,
            since=passage.now,
        )
        self._calls[key] = self._by_id[call.id] = call
        return call

    def _confirm(self, passage: Passage, call: Call, dialog: Dialog) -> None:
        """The callee of this dialog answered: the early dialogs of the others are over."""
        dialog.confirmed = True
        for other in call.dialogs.values():
            if not other.confirmed:
                self.negotiation.shut_all(passage, other)
        self.negotiation.close_gates(passage, call)
        longest = self.timers.maximum_call
        self._schedule(call, passage.now + longest if longest else float("inf"))

    @staticmethod
    def _changed(passage: Passage, call: Call) -> None:
        passage.after.append(Changed("calls", call.id))

    # --- time and trouble ---

    def tick(self, now: float) -> list[Effect]:
        """Take the steps that are due."""
        effects: list[Effect] = []
        while self._agenda and self._agenda[0][0] <= now:
            deadline, ident = heapq.heappop(self._agenda)
            call = self._by_id.get(ident)
            if call is None or call.deadline != deadline:
                continue
            effects.append(Changed("calls", ident))
            if call.alive:
                reason = "no answer" if call.state == "setup" else "longest duration reached"
                call.apply(Happening.TIMED_OUT, now, reason)
                effects += self._end(call, now)
            elif call.holes() or call.pairs:  # drained
                effects += self._end(call, now)
            else:
                self._forget(call)
        return effects

    def end_all(self, now: float, reason: str) -> list[Effect]:
        """Our address changed: what the other side was told is no longer true."""
        effects: list[Effect] = []
        for call in self.calls():
            if call.alive:
                call.apply(Happening.TIMED_OUT, now, reason)
                effects += [*self._end(call, now), Changed("calls", call.id)]
        return effects

    def fail(self, hole: Hole, now: float) -> list[Effect]:
        """The broker refused this pinhole: nothing of the call may stay half open."""
        call = hole.call
        call.ended, call.state, call.reason = now, "rejected", "the firewall refused the opening"
        return [*self._end(call, now), Changed("calls", call.id)]

    def _end(self, call: Call, now: float) -> list[ClosePinhole | Changed]:
        """Give back all that an ended call holds; its row stays a while."""
        effects = self.negotiation.close(call)
        self.negotiation.give_back(call, now)
        self._schedule(call, now + KEPT_AFTER_END)
        return effects

    def _schedule(self, call: Call, deadline: float) -> None:
        call.deadline = deadline
        if deadline != float("inf"):
            heapq.heappush(self._agenda, (deadline, call.id))

    def _forget(self, call: Call) -> None:
        self._by_id.pop(call.id, None)
        key = (call.call_id, call.internal.host)
        if self._calls.get(key) is call:
            del self._calls[key]


def _by(side: Side, done: str) -> str:
    return f"{done} by the {'phone' if side is Side.INTERNAL else 'other side'}"


def _uri(message: Message, name: bytes) -> str:
    found = message.index[name]
    value = next(name_addrs(message.data, found.value, found.end), None)
    return message.data[slice(*value.uri)].decode("utf-8", "replace") if value else ""
