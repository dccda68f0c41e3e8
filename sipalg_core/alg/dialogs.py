# SPDX-License-Identifier: GPL-2.0-or-later
"""What the messages of calls do: dialogs begin and end, descriptions are exchanged, pinholes open and close.

State changes only on messages that match a call by Call-ID and tags, responses only within their transaction (P12).
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final

from sipalg_core.alg import endings
from sipalg_core.alg.admission import Admission, attempt_of
from sipalg_core.alg.call_table import CallTable
from sipalg_core.alg.calls import KEPT_AFTER_END, MAX_BRANCHES, RETRY_WAIT, Call, Dialog, Happening
from sipalg_core.alg.changes import Changes
from sipalg_core.alg.effects import Changed, ClosePinhole, Effect
from sipalg_core.alg.endings import REFRESHES, hung_up, inside, refresh
from sipalg_core.alg.history import History
from sipalg_core.alg.mappings import Mappings
from sipalg_core.alg.matching import Matching
from sipalg_core.alg.negotiation import WITH_DESCRIPTION, Negotiation
from sipalg_core.alg.passage import Passage, Refused
from sipalg_core.alg.sayings import Saying, say
from sipalg_core.alg.screening import Screening
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Side

# --- Specification constants ---
CHALLENGES: Final = (401, 407)
FAILURES: Final = {486: Happening.BUSY, 600: Happening.BUSY, 487: Happening.CANCELLED}
# --- Implementation constants ---
UNREGISTERED: Final = (403, 404, 480)
"""How registrars refuse calls of a phone that they have forgotten."""


class Dialogs:
    """All calls of one engine."""

    def __init__(
        self,
        policy: AlgPolicy,
        screening: Screening,
        mappings: Mappings,
        random: Random,
        counts: Counts[str],
        changes: Changes,
    ) -> None:
        self.table = CallTable(changes)
        self.history = History()
        self.admission = Admission(policy)
        self.negotiation = Negotiation(policy, screening, mappings, random, counts, changes)
        self._policy, self._screening = policy, screening
        self._counts = counts
        self._changes = changes
        self.matching = Matching(screening, self.table, self.admission, counts, random)
        self.overdue: Callable[[str], bool] = lambda _host: False
        """Whether the registration of a phone at this internal host is overdue; the engine knows."""

    def set_policy(self, policy: AlgPolicy, screening: Screening, now: float) -> list[Effect]:
        """Decide by this policy from now on; a limit that has already passed does not end what is up."""
        self._policy, self._screening = policy, screening
        self.matching.screening = screening
        self.admission.policy = policy
        for call in self.table:
            call.peering = screening.peering(call.internal.host, call.peer) or call.peering
            if call.state == "in_call" and (deadline := self._longest(call)) > now:
                self.table.schedule(call, deadline)
        return self.negotiation.set_policy(policy, screening, now)

    # --- messages ---

    def admit(self, passage: Passage) -> None:
        """Raise Refused. What shadow mode would turn away goes on, so a call that it is of is followed all the same."""
        try:
            self.admission.message(passage)
        except Refused as refused:
            passage.whose = self.matching.find(passage)
            if passage.whose is None or not passage.shadow:
                raise
            passage.refusal = refused.reason

    def request(self, passage: Passage) -> None:
        message = passage.message
        if message.method == b"INVITE" and not message.to_tag:
            call = passage.call = self._invited(passage)
            self.negotiation.describe(passage, call, None)
            self._changed(passage, call)
            return
        found = passage.call = self.matching.find(passage)
        if found is None:
            return
        if message.method == b"CANCEL":
            passage.then = partial(self._cancel, passage, found)
            return
        dialog = found.dialog_of(message.from_tag, message.to_tag, may_begin=False)
        if dialog is None:
            if message.method != b"ACK":  # the ACK to a failure is of no dialog (RFC 3261 §17.1.1.3)
                self._counts["ignored:no-dialog"] += 1
        elif self._in_order(passage, dialog):
            self._in_dialog(passage, found, dialog)

    def _in_dialog(self, passage: Passage, call: Call, dialog: Dialog) -> None:
        method = passage.message.method
        if method == b"BYE":
            passage.then = partial(self._hang_up, passage, call, dialog)
            return
        if method == b"ACK":
            passage.then = partial(self._acknowledge, passage, call, dialog)
        if method in WITH_DESCRIPTION:
            self.negotiation.describe(passage, call, dialog)

    def _in_order(self, passage: Passage, dialog: Dialog) -> bool:
        """RFC 3261 §12.2.2: an older CSeq is out of order; the other party will say so."""
        message = passage.message
        if message.method == b"ACK":
            return True
        if message.cseq < dialog.cseqs.get(passage.side, 0):
            self._counts["ignored:old-cseq"] += 1
            return False
        dialog.cseqs[passage.side] = message.cseq
        return True

    def response(self, passage: Passage) -> None:
        """A response within its transaction; provisional and final, to the first INVITE and to later ones."""
        message = passage.message
        call = passage.call = self.matching.find(passage)
        if call is None or message.method not in WITH_DESCRIPTION:
            return
        if 200 <= message.status_code < 300 and message.method in REFRESHES:
            refresh(call, message, passage.now)
        to_first = message.method == b"INVITE" and message.cseq == call.cseq and message.from_tag == call.caller_tag
        known = len(call.dialogs)
        dialog = call.dialog_of(message.from_tag, message.to_tag, may_begin=to_first and message.status_code < 300)
        passage.begun = dialog if len(call.dialogs) > known else None
        if message.status_code >= 300:
            passage.then = partial(self._failed, passage, call, dialog, to_first=to_first)
            return
        if to_first and message.status_code >= 200 and message.branch in call.branches:
            call.branches.remove(message.branch)
        if to_first and call.answered is None:
            self._answer_to_first(passage, call, dialog)
        elif dialog is not None:
            self.negotiation.describe(passage, call, dialog)
            if to_first and message.status_code >= 200:
                dialog.confirmed = True  # a second fork answers, or the 2xx is repeated
                if warned := endings.await_ack(call, dialog, passage.side):
                    self._counts[f"warning:{warned}"] += 1
                    self._changed(passage, call)

    def _answer_to_first(self, passage: Passage, call: Call, dialog: Dialog | None) -> None:
        message, now = passage.message, passage.now
        status = message.status_code
        if status == 100:
            return
        if status < 200:
            if call.alive:
                self.table.schedule(call, now + self._policy.timers_of(passage.peering).provisional_invite)
            if dialog is not None:
                self.negotiation.describe(passage, call, dialog)
            if passage.side is Side.EXTERNAL and not call.holes():
                self.negotiation.open_gates(passage, call)
        elif dialog is not None and call.apply(Happening.ANSWERED, now):
            passage.answers = True
            self.negotiation.describe(passage, call, dialog)
            self._confirm(passage, call, dialog)
        self._changed(passage, call)

    # --- what ends with a message that goes on ---

    def _failed(self, passage: Passage, call: Call, dialog: Dialog | None, *, to_first: bool) -> None:
        """A request has no success."""
        message = passage.message
        if to_first and message.branch in call.branches:
            call.branches.remove(message.branch)
        if to_first and call.answered is None:
            self._fail(passage, call, dialog)
            self._changed(passage, call)
        elif dialog is not None:
            self.negotiation.forget_offer(message, passage.requester, dialog)

    def _fail(self, passage: Passage, call: Call, dialog: Dialog | None) -> None:
        """A branch of the first INVITE is over without success; the last one ends the call."""
        message, now = passage.message, passage.now
        if call.branches:
            if dialog is not None:
                self.negotiation.shut_all(passage, call, dialog)
        elif message.status_code in CHALLENGES and call.alive:
            passage.after += self.negotiation.close(call, now, "challenged")
            self.table.schedule(call, now + RETRY_WAIT)
        else:
            status = message.status_code
            happening = FAILURES.get(status, Happening.DIVERTED if status < 400 else Happening.REJECTED)
            phrase = message.reason_phrase.decode("utf-8", "replace")
            overdue = status in UNREGISTERED and self.overdue(call.internal.host)
            code = "final-response-overdue" if overdue else "final-response"
            call.apply(happening, now, say(code, status=status, phrase=phrase))
            if call.initiator is Side.EXTERNAL and status != 487:
                self.admission.refused(attempt_of(call), passage)
            passage.after += self._end(call, now)

    def _acknowledge(self, passage: Passage, call: Call, dialog: Dialog) -> None:
        if endings.acknowledge(call, dialog):
            self._changed(passage, call)

    def _cancel(self, passage: Passage, call: Call) -> None:
        """A CANCEL is for one INVITE, by its branch (RFC 3261 §9.1); other branches may go on."""
        if passage.message.branch not in call.branches:
            self._counts["ignored:no-invite"] += 1
        elif len(call.branches) == 1 and call.apply(
            Happening.CANCELLED, passage.now, say(f"cancelled-{inside(passage.side)}")
        ):
            self.table.schedule(call, passage.now + self._policy.timers_of(passage.peering).teardown)
            self._changed(passage, call)

    def _hang_up(self, passage: Passage, call: Call, dialog: Dialog) -> None:
        if any(other.confirmed for other in call.dialogs.values() if other is not dialog):
            self.negotiation.shut_all(passage, call, dialog)  # one of two forks that both answered
            del call.dialogs[dialog.callee_tag]
        else:
            if call.apply(Happening.HUNG_UP, passage.now, hung_up(call, dialog, passage)):
                self.table.schedule(call, passage.now + self._policy.timers_of(passage.peering).teardown)
        self._changed(passage, call)

    # --- steps ---

    def _invited(self, passage: Passage) -> Call:
        """The call of an INVITE outside a dialog: new, retransmitted, or sent again to answer a challenge."""
        message, now = passage.message, passage.now
        key = (passage.call_id, passage.mapping.internal.host, passage.side)
        known = self.table.at(key)
        if known is not None and not known.alive and message.cseq > known.cseq:
            passage.after += self._end(known, now)
            self.table.forget(known)
            known = None
        call = known or self.matching.new_call(passage)
        if message.cseq > call.cseq and call.answered is None:
            passage.after += self.negotiation.close(call, now, "replaced")  # early media of the attempt before
            call.cseq, call.caller_tag, call.offer = message.cseq, message.from_tag, None
            call.branches.clear()
            call.dialogs.clear()
            self.table.schedule(call, now + self._policy.timers_of(passage.peering).timer_c)
        fresh = message.cseq == call.cseq and message.branch not in call.branches
        if fresh and call.answered is None and len(call.branches) < MAX_BRANCHES:
            call.branches.append(message.branch)
        return call

    def _confirm(self, passage: Passage, call: Call, dialog: Dialog) -> None:
        """The callee of this dialog answered: the early dialogs of the others are over."""
        dialog.confirmed = True
        dialog.answers += 1
        for other in call.dialogs.values():
            if not other.confirmed:
                self.negotiation.shut_all(passage, call, other)
        self.negotiation.close_gates(passage, call)
        self.table.schedule(call, self._longest(call))

    def _longest(self, call: Call) -> float:
        longest = self._policy.timers_of(call.peering).maximum_call
        return call.answered + longest if longest and call.answered is not None else float("inf")

    def _changed(self, passage: Passage, call: Call) -> None:
        self.table.settle(call)
        passage.after.append(Changed("calls", call.id))

    # --- time and trouble ---

    def restore(self, call: Call, now: float) -> None:
        """Take over a call of another engine; nothing of it counts as silent before the kernel was asked."""
        self.table.add(call)
        self.table.schedule(call, call.deadline)
        for hole in call.holes():
            self.negotiation.ledger.restore(hole, call, now)
        if not call.alive:
            self.history.note(call, now)  # whoever writes the history may not have asked before

    def tick(self, now: float) -> list[Effect]:
        """Take the steps that are due."""
        effects: list[Effect] = []
        for call in self.table.due(now):
            effects.append(Changed("calls", call.id))
            if call.alive:
                call.apply(Happening.TIMED_OUT, now, say("no-answer" if call.state == "setup" else "maximum-duration"))
                effects += self._end(call, now)
            elif call.holes() or call.pairs or call not in self.history:  # drained
                effects += self._end(call, now)
            else:
                self.table.forget(call)
                call.dialogs.clear()  # the history goes on for a while, and needs none of them
        return effects

    def end_all(self, now: float, ending: Saying, outside: str) -> list[Effect]:
        """This address is not ours any more: what the other side was told is no longer true."""
        effects: list[Effect] = []
        for call in self.table:
            if call.alive and call.outside == outside:
                call.apply(Happening.TIMED_OUT, now, ending)
                effects += [*self._end(call, now), Changed("calls", call.id)]
        return effects

    def end_of_ended_rules(self, now: float) -> list[Effect]:
        """Of rules whose time is over; a call that another rule allows as well goes on."""
        ended = {each.rule for each in self._policy.ended}
        effects: list[Effect] = []
        for call in self.table if ended else ():
            over = call.peering.rule in ended and call.alive
            if over and self._screening.peering(call.internal.host, call.peer) is None:
                call.apply(Happening.TIMED_OUT, now, say("rule-ended"))
                effects += [*self._end(call, now), Changed("calls", call.id)]
        return effects

    def unheard(self, passage: Passage, call: Call, reason: str) -> list[Effect]:
        """The message does not go on: what it was to begin, a call or a dialog of one, nobody would ever hang up."""
        message = passage.message
        begins = call.state == "setup" and message.method == b"INVITE" and not message.to_tag
        if begins or (call.alive and (passage.answers or passage.asked)):
            return self.fail(call, passage.now, say("refused-here", reason=reason))
        if passage.begun is None:
            return []
        call.dialogs.pop(passage.begun.callee_tag, None)
        ledger, holes = self.negotiation.ledger, passage.begun.holes.values()
        return [effect for hole in holes for effect in ledger.close(hole, passage.now, "replaced")]

    def once_more(self, call: Call, passage: Passage) -> list[Effect]:
        """The broker could not be reached. Who speaks says it again, and is heard as if for the first time."""
        dialog = call.dialog_of(passage.message.from_tag, passage.message.to_tag, may_begin=False)
        if passage.answers and dialog is not None:
            passage.answers = False
            call.state, call.answered, dialog.confirmed = "setup", None, False
            self.table.settle(call)
            dialog.answers -= 1
            call.branches.append(passage.message.branch)
            self.table.schedule(call, passage.now + self._policy.timers_of(passage.peering).provisional_invite)
        return [*self.negotiation.take_back(passage), Changed("calls", call.id)]

    def fail(self, call: Call, now: float, ending: Saying) -> list[Effect]:
        """We could not do what it needs: nothing of the call may stay half open."""
        call.ended, call.state, call.ending = now, "rejected", ending
        return [*self._end(call, now), Changed("calls", call.id)]

    def close_opening(self, ident: int, now: float) -> list[Effect]:
        """As an operator wants it: the call stays, and a new description opens its media again."""
        entry = self.negotiation.ledger.get(ident)
        if entry is None:
            return []
        hole, call = entry
        call.let_go(hole)
        call.warning = say("opening-closed")
        self._changes.note("call", call.id)
        return [*self.negotiation.ledger.close(hole, now, "operator"), Changed("calls", call.id)]

    def _end(self, call: Call, now: float) -> list[ClosePinhole | Changed]:
        """Give back all that an ended call holds; its row stays a while."""
        effects = self.negotiation.close(call, now, "call-ended")
        self.negotiation.give_back(call, now)
        call.branches.clear()
        call.offer = None  # its ports are not ours to open any more
        for dialog in call.dialogs.values():
            dialog.offers.clear()
        self.history.note(call, now)
        self.table.settle(call)
        self.table.schedule(call, now + KEPT_AFTER_END)
        return effects
