# SPDX-License-Identifier: GPL-2.0-or-later
"""Why a call is hung up: by whom, and what made him. Session timers (RFC 4028) and ACKs leave their traces here."""

from __future__ import annotations

from typing import Final

from sipalg_core.alg.calls import Call, Dialog
from sipalg_core.alg.passage import Passage
from sipalg_core.alg.sayings import Saying, say
from sipalg_core.net import Side
from sipalg_core.sip.grammar import decimal
from sipalg_core.sip.message import Message

REFRESHES: Final = (b"INVITE", b"UPDATE")
"""RFC 4028 §2: their 2xx says for how long the session lives."""
GUARD: Final = 32.0
"""Seconds, or a third of the interval: so long before a session's end hangs up who got no refresh (RFC 4028 §10)."""
CLOCKS: Final = 2.0
"""Seconds that the hanger-up's clock may be ahead of ours."""
ANSWERS_WITHOUT_ACK: Final = 3
"""The 2xx and two repetitions, 1.5 s at T1 of 500 ms: by then an ACK is late (RFC 3261 §13.3.1.4)."""
ANSWERS_DESPITE_ACK: Final = 4
"""Repetitions of a 2xx although its ACK went by: 7.5 s at T1 of 500 ms. One or two cross the ACK."""

ACK_MISSING: Final = say("ack-missing")


def inside(side: Side) -> str:
    return "inside" if side is Side.INTERNAL else "outside"


def hung_up(call: Call, dialog: Dialog, passage: Passage) -> Saying:
    """Who hung up, and what made him: a missing ACK, a session timer that ran out, media that stopped."""
    code, now = f"hung-up-{inside(passage.side)}", passage.now
    if dialog.answers > 1 and not dialog.acknowledged:
        return say(f"{code}-no-ack")
    if dialog.answers_after_ack >= ANSWERS_DESPITE_ACK:
        return say(f"{code}-ack-not-taken")
    if call.session_interval and now - call.refreshed >= _over(call.session_interval):
        return say(f"{code}-session-timer", interval=call.session_interval)
    if call.silence:
        return say(f"{code}-no-media", seconds=call.silence)
    return say(code)


def _over(interval: int) -> float:
    return interval - min(GUARD, interval / 3) - CLOCKS


def refresh(call: Call, message: Message, now: float) -> None:
    found = message.first(b"session-expires")
    value = message.data[found.value : found.end].partition(b";")[0].strip() if found is not None else b""
    call.session_interval = decimal(value, 10) or 0
    call.refreshed = now


def await_ack(call: Call, dialog: Dialog, side: Side) -> str:
    """This side repeats its 2xx: what that says of the ACK, "" where it says nothing yet."""
    dialog.answers += 1
    dialog.answers_after_ack += dialog.acknowledged
    if dialog.answers_after_ack == ANSWERS_DESPITE_ACK:
        call.warning = say(f"ack-not-taken-{inside(side)}")
        return "ack-not-taken"
    if dialog.answers == ANSWERS_WITHOUT_ACK and not dialog.acknowledged:
        call.warning = ACK_MISSING
        return "ack-missing"
    return ""


def acknowledge(call: Call, dialog: Dialog) -> bool:
    """The ACK went by; True where that was overdue."""
    dialog.acknowledged = True
    overdue = call.warning == ACK_MISSING
    if overdue:
        call.warning = None
    return overdue
