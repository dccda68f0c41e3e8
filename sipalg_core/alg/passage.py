# SPDX-License-Identifier: GPL-2.0-or-later
"""One message on its way through: what it is, whose it is, and what has been decided about it so far."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sipalg_core.alg.calls import Call, Dialog
from sipalg_core.alg.effects import Changed, ClosePinhole, Effect, OpenPinhole
from sipalg_core.alg.mappings import Mapping
from sipalg_core.contract.policy import Peering
from sipalg_core.net import Flow, Side
from sipalg_core.sip.edit import Edit
from sipalg_core.sip.message import Message


class Refused(Exception):
    """The message must not go on. A request is answered with `status`, a response is dropped."""

    def __init__(self, reason: str, status: int = 503, retry_after: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after


@dataclass(slots=True)
class Passage:
    message: Message
    flow: Flow
    mapping: Mapping  # of the internal party
    peering: Peering
    now: float
    call_id: bytes  # as the internal side knows it
    call: Call | None = None
    whose: Call | None = None  # the same, where it was turned away before it was followed
    refusal: str = ""  # why it would not go on, were it not for shadow mode
    begun: Dialog | None = None  # by this response
    answers: bool = False  # and puts its call up
    edits: list[Edit] = field(default_factory=list)
    before: list[ClosePinhole | Changed] = field(default_factory=list)  # in the way of what opens
    opens: list[OpenPinhole] = field(default_factory=list)  # confirmed before the message goes on
    after: list[OpenPinhole | ClosePinhole | Changed] = field(default_factory=list)
    then: Callable[[], None] | None = None  # what it ends: not before it is certain to go on
    given_up: list[Callable[[], None]] = field(default_factory=list)  # each takes one of them back into the books

    @property
    def side(self) -> Side:
        """Where the message comes from."""
        return self.flow.side

    @property
    def shadow(self) -> bool:
        """Whether it goes on as it came, whatever is decided about it; a call stays what it began as."""
        call = self.call or self.whose
        return self.peering.shadow if call is None else call.shadow

    @property
    def requester(self) -> Side:
        """Where the request comes from that this is, or answers."""
        return self.side if self.message.is_request else self.side.other

    @property
    def peer(self) -> str:
        """The external host that it comes from or goes to."""
        return (self.flow.destination if self.side is Side.INTERNAL else self.flow.source).host

    @property
    def is_of_running_call(self) -> bool:
        """Whether its call is up without it."""
        return self.call is not None and self.call.alive and self.call.answered is not None and not self.answers

    @property
    def asked(self) -> list[OpenPinhole]:
        """All that it wants open."""
        return [each for each in (*self.opens, *self.after) if isinstance(each, OpenPinhole)]

    def asks_for(self, pinhole: int) -> bool:
        return any(each.pinhole.id == pinhole for each in self.asked)

    def goes_on(self) -> None:
        """Nothing refuses it any more: what it ends is over now."""
        if self.then is not None:
            self.then()
            self.then = None

    def take_back(self) -> None:
        """What it was to open is not open: what was to close for that stays as it was."""
        for keep in self.given_up:
            keep()
        self.given_up.clear()
        self.after = [each for each in self.after if not (isinstance(each, ClosePinhole) and each.makes_room)]

    def closings(self) -> list[Effect]:
        """Of a message that does not go on: the books have closed these already, so they must be."""
        return [each for each in (*self.before, *self.after) if isinstance(each, ClosePinhole | Changed)]

    def effects(self, onward: Effect) -> list[Effect]:
        return [*self.before, *self.opens, onward, *self.after]
