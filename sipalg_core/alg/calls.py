# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls and their dialogs (RFC 3261 §12): what state they are in, and which pinholes they hold.

Rules of this file: legality is a table; nothing here reads a message or sends one; a change is told by its result.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Final, Literal

from sipalg_core.alg.media import Component, Offer, Want
from sipalg_core.contract.control import Pinhole
from sipalg_core.contract.events import CallState
from sipalg_core.contract.policy import Peering
from sipalg_core.net import Endpoint

# --- Implementation constants ---
MAX_CALLS: Final = 20_000
MAX_DIALOGS: Final = 16
"""Early dialogs of one INVITE (fork bombs)."""
MAX_PINHOLES: Final = 64
KEPT_AFTER_END: Final = 20.0
"""Seconds that an ended call stays in the live table, with its reason."""
RETRY_WAIT: Final = 32.0
"""Seconds in which a challenged INVITE may come again on the same ports."""


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


@dataclass(slots=True)
class Hole:
    """A pinhole that a dialog holds, and what the kernel counted."""

    pinhole: Pinhole
    call: Call
    kind: str
    component: Component
    gate: bool
    opened: float
    packets_in: int = 0
    packets_out: int = 0
    last_packet: float = 0.0
    active_in: bool = False
    active_out: bool = False

    @property
    def is_audio(self) -> bool:
        return self.kind == "audio" and self.component == "rtp"


@dataclass(slots=True)
class Dialog:
    """One callee's early or confirmed dialog."""

    callee_tag: bytes
    confirmed: bool = False
    offer: Offer | None = None  # the last one; kept, since its answer may be repeated
    holes: dict[Want, Hole] = field(default_factory=dict)


@dataclass(slots=True)
class Call:
    id: str
    call_id: bytes
    direction: Literal["inbound", "outbound"]
    from_uri: str
    to_uri: str
    internal: Endpoint
    peer: str  # the provider's host
    peering: Peering
    caller_tag: bytes
    since: float
    state: CallState = "setup"
    cseq: int = -1  # of the INVITE that set it up; 0 is one (RFC 3261 §8.1.1.5)
    answered: float | None = None
    ended: float | None = None
    reason: str = ""
    codec: str = ""
    offer: Offer | None = None  # of the first INVITE, shared by its dialogs
    dialogs: dict[bytes, Dialog] = field(default_factory=dict)
    gates: dict[Want, Hole] = field(default_factory=dict)
    pairs: dict[Endpoint, int] = field(default_factory=dict)  # internal RTP endpoint → external even port
    packets_in: int = 0  # of audio streams that are closed
    packets_out: int = 0
    deadline: float = 0.0  # of the next step in its life

    def apply(self, happening: Happening, now: float, reason: str = "") -> bool:
        """Move to the state that the table names; False where it names none."""
        state = TRANSITIONS.get((self.state, happening))
        if state is None:
            return False
        self.state = state
        if state == "in_call":
            self.answered, self.ended, self.reason = now, None, ""
        else:
            self.ended, self.reason = now, reason
        return True

    @property
    def alive(self) -> bool:
        return self.ended is None

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
            dialog = self.dialogs[callee_tag] = Dialog(callee_tag, offer=self.offer)
        return dialog

    def holes(self) -> list[Hole]:
        found = list(self.gates.values())
        for dialog in self.dialogs.values():
            found.extend(dialog.holes.values())
        return found
