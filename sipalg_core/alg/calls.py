# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls and their dialogs (RFC 3261 §12): what state they are in, and which pinholes they hold.

Rules of this file: legality is a table; nothing here reads a message or sends one; a change is told by its result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal, NamedTuple

from sipalg_core.alg.media import Component, Offer, Want
from sipalg_core.alg.moment import Moment
from sipalg_core.alg.sayings import Saying
from sipalg_core.contract.control import Pinhole
from sipalg_core.contract.events import CallState
from sipalg_core.contract.policy import Peering
from sipalg_core.net import Endpoint, Side

# --- Implementation constants ---
MAX_CALLS: Final = 20_000
MAX_DIALOGS: Final = 16
"""Early dialogs of one INVITE (fork bombs)."""
MAX_BRANCHES: Final = 16
"""INVITEs of one call that are under way at a time: a proxy may fork it to several contacts of one host."""
MAX_PINHOLES: Final = 64
MAX_CARRIED: Final = 8
"""Audio streams that the history tells of: a call that is put on hold keeps its own."""
KEPT_AFTER_END: Final = 20.0
"""Seconds that an ended call stays in the live table, with its reason."""
RETRY_WAIT: Final = 32.0
"""Seconds in which a challenged INVITE may come again on the same ports."""


CallKey = tuple[bytes, str, Side]
"""Call-ID, internal host, initiator: what spirals back, to another phone of ours or to the same, is another call."""


class Happening(Enum):
    ANSWERED = "answered"
    HUNG_UP = "hung up"
    CANCELLED = "cancelled"
    BUSY = "busy"
    DIVERTED = "diverted"
    REJECTED = "rejected"
    TIMED_OUT = "timed out"


TRANSITIONS: Final[dict[tuple[CallState, Happening], CallState]] = {
    ("setup", Happening.ANSWERED): "in_call",
    ("setup", Happening.HUNG_UP): "cancelled",
    ("setup", Happening.CANCELLED): "cancelled",
    ("setup", Happening.BUSY): "busy",
    ("setup", Happening.DIVERTED): "diverted",
    ("setup", Happening.REJECTED): "rejected",
    ("setup", Happening.TIMED_OUT): "rejected",
    ("in_call", Happening.HUNG_UP): "completed",
    ("in_call", Happening.TIMED_OUT): "completed",
    # A 200 that crosses the CANCEL makes the call after all (RFC 3261 §9.1).
    ("cancelled", Happening.ANSWERED): "in_call",
}
"""What is not in the table changes nothing."""


class Silence(NamedTuple):
    """Of one direction of a stream: no packet came in between. See `silences`."""

    since: Moment
    until: Moment


@dataclass(slots=True)
class Hole:
    """A pinhole that a dialog holds, and what the kernel counted."""

    pinhole: Pinhole
    kind: str
    component: Component
    gate: bool
    opened: Moment
    last_packet: Moment
    opened_by: str = ""  # the message, "200 INVITE"
    opened_from: Literal["internal", "external"] = "internal"
    line: int = 0  # which m= line, from 1
    held: bool = False  # its silence means nothing, so we renew it ourselves
    shadow: bool = False  # it would be open if the ALG did more than look on
    renewed: Moment = 0.0
    packets_in: int = 0
    packets_out: int = 0
    active_in: bool = False
    active_out: bool = False
    last_in: Moment = 0.0
    last_out: Moment = 0.0
    instead_of: Endpoint | None = None  # where the description said that its media comes from: see `learning`
    refused: bool = False  # to be renewed: it ends with its silence, as if it were not held
    silent_in: list[Silence] = field(default_factory=list)
    silent_out: list[Silence] = field(default_factory=list)
    closed: Moment = 0.0

    @property
    def learnt(self) -> bool:
        return self.instead_of is not None

    @property
    def pinned(self) -> bool:
        """Whether only the kernel knows the internal port: of a telephone that asked a STUN server."""
        return not self.pinhole.internal.port

    @property
    def is_audio(self) -> bool:
        return self.kind == "audio" and self.component == "rtp"


@dataclass(slots=True)
class Dialog:
    """One callee's early or confirmed dialog."""

    callee_tag: bytes
    confirmed: bool = False
    answers: int = 0  # how often its 2xx came
    acknowledged: bool = False
    answers_after_ack: int = 0  # how often its 2xx came although an ACK had passed
    offers: dict[Side, Offer] = field(default_factory=dict)  # each side's last; kept, since answers may be repeated
    cseqs: dict[Side, int] = field(default_factory=dict)  # the highest of each side's requests
    holes: dict[Want, Hole] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    id: str
    call_id: bytes
    initiator: Side
    from_uri: str
    to_uri: str
    internal: Endpoint
    peer: str  # the provider's host
    peering: Peering
    caller_tag: bytes
    since: Moment
    outside: str = ""  # the internal party's address as the provider knows it
    shadow: bool = False  # followed only: nothing of it is changed or opened
    spiral: bool = False  # the other half of a call that came back to the host it began at
    state: CallState = "setup"
    cseq: int = -1  # of the INVITE that set it up; 0 is one (RFC 3261 §8.1.1.5)
    branches: list[bytes] = field(default_factory=list)  # of the INVITEs that have no final response
    answered: Moment | None = None
    ended: Moment | None = None
    ending: Saying | None = None
    warning: Saying | None = None
    verdict: Saying | None = None  # on its audio
    session_interval: int = 0  # seconds (RFC 4028); 0: no session timer
    refreshed: Moment = 0.0
    silence: int = 0  # seconds without media after which its openings were closed
    codec: str = ""
    offer: Offer | None = None  # of the first INVITE, shared by its dialogs
    dialogs: dict[bytes, Dialog] = field(default_factory=dict)
    gates: dict[Want, Hole] = field(default_factory=dict)
    pairs: dict[Endpoint, int] = field(default_factory=dict)  # internal RTP endpoint → external even port
    packets_in: int = 0  # of audio streams that are closed
    packets_out: int = 0
    deadline: Moment = 0.0  # of the next step in its life
    carried: list[Hole] = field(default_factory=list)  # audio streams that are closed and had packets, the last few

    @property
    def direction(self) -> Literal["inbound", "outbound"]:
        return "outbound" if self.initiator is Side.INTERNAL else "inbound"

    @property
    def key(self) -> CallKey:
        return self.call_id, self.internal.host, self.initiator

    def apply(self, happening: Happening, now: float, ending: Saying | None = None) -> bool:
        """Move to the state that the table names; False where it names none."""
        state = TRANSITIONS.get((self.state, happening))
        if state is None:
            return False
        self.state = state
        if state == "in_call":
            self.answered, self.ended, self.ending = now, None, None
        else:
            self.ended, self.ending = now, ending
        return True

    @property
    def alive(self) -> bool:
        return self.ended is None

    def is_party_to(self, from_tag: bytes, requester: Side) -> bool:
        """Whether a request of this side, or its response, can be of this call (RFC 3261 §12.2)."""
        return (from_tag == self.caller_tag) is (requester is self.initiator)

    def dialog_of(self, from_tag: bytes, to_tag: bytes, *, may_begin: bool) -> Dialog | None:
        """The dialog with these tags, None for a stranger's; a response to the first INVITE may begin one."""
        if from_tag == self.caller_tag:
            callee_tag = to_tag
        elif to_tag == self.caller_tag:
            callee_tag = from_tag
        else:
            return None
        if not callee_tag:
            return None
        dialog = self.dialogs.get(callee_tag)
        if dialog is None and may_begin and len(self.dialogs) < MAX_DIALOGS:
            dialog = self.dialogs[callee_tag] = Dialog(callee_tag)
            if self.offer is not None:
                dialog.offers[self.offer.side] = self.offer
        return dialog

    def holes(self) -> list[Hole]:
        found = list(self.gates.values())
        for dialog in self.dialogs.values():
            found.extend(dialog.holes.values())
        return found

    def let_go(self, hole: Hole) -> None:
        """It is closed: neither a dialog nor the gates hold it any longer."""
        for held in (self.gates, *(dialog.holes for dialog in self.dialogs.values())):
            for want in [want for want, known in held.items() if known is hole]:
                del held[want]
