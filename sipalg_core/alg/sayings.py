# SPDX-License-Identifier: GPL-2.0-or-later
"""The sentences that the engine says to people: English by code; other languages make theirs from code and values.

The codes are part of the contract: the console's translations, REST and history know them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sipalg_core.contract.events import Said

ENDINGS: Final = {
    "hung-up-inside": "hung up by the phone",
    "hung-up-outside": "hung up by the other side",
    "hung-up-inside-no-ack": "hung up by the phone; the ACK to the answer never came",
    "hung-up-outside-no-ack": "hung up by the other side; the ACK to the answer never came",
    "hung-up-inside-ack-not-taken": "hung up by the phone; the ACK that we passed on was never taken",
    "hung-up-outside-ack-not-taken": "hung up by the other side; the ACK that we passed on was never taken",
    "hung-up-inside-session-timer": "hung up by the phone; the session timer of {interval} s was not refreshed",
    "hung-up-outside-session-timer": "hung up by the other side; the session timer of {interval} s was not refreshed",
    "hung-up-inside-no-media": "hung up by the phone after {seconds} s without media",
    "hung-up-outside-no-media": "hung up by the other side after {seconds} s without media",
    "cancelled-inside": "cancelled by the phone",
    "cancelled-outside": "cancelled by the other side",
    "final-response": "{status} {phrase}",
    "final-response-overdue": "{status} {phrase}; the phone's registration is overdue",
    "no-answer": "no answer",
    "maximum-duration": "longest duration reached",
    "address-changed": "our address changed",
    "rule-ended": "the time of its rule is over",
    "refused-here": "refused here: {reason}",
    "opening-refused": "the firewall refused the opening",
}
"""Why a call ended."""

WARNINGS: Final = {
    "ack-missing": "the ACK is missing; without it the call is cut after 32 s",
    "ack-not-taken-inside": "the ACK went on, but the phone does not take it; the call is cut after 32 s",
    "ack-not-taken-outside": "the ACK went on, but the other side does not take it; the call is cut after 32 s",
    "media-timeout": "no media for {seconds} s: closed, the call stays",
    "description-signed": "the digest covers the description (qop=auth-int): it stays as it is, and its media closed",
    "opening-not-made": "the firewall refused a new opening; what was open stays, and so does the call",
    "opening-not-renewed": "the firewall no longer allows an opening of this call: it closes once it is silent",
    "opening-closed": "an operator closed the opening for media; the call stays",
    "unlearnt": "media is no longer learnt from {source}: closed, the call stays",
}
"""What is wrong with a call while it lasts."""

VERDICTS: Final = {
    "audio-both": "Audio flows in both directions.",
    "audio-both-learnt": "Audio flows in both directions; the other side sends from {source}, not from {peer}: learnt.",
    "on-hold": "The call is on hold: silence is expected.",
    "peer-silent": "No packets from {peer} since the answer; nothing comes from anywhere else either.",
    "peer-other-host": "No packets from {peer} since the answer; the other side sends from {host}.",
    "peer-other-port": "No packets from {peer} since the answer; it sends from port {port}, the SDP said {said}.",
    "peer-missed-port": "{host} sends to port {port}, the SDP said {said}.",
    "peer-stopped": "No packets from {peer} any more.",
    "phone-silent": "The phone {phone} does not send.",
    "phone-other-port": "The phone {phone} sends from port {port}, its SDP said {said}.",
    "phone-missed-port": "The phone {phone} sends to port {port} of {peer}, the SDP said {said}.",
    "phone-stopped": "The phone {phone} does not send any more.",
    "both-silent": "No packets in either direction since the answer.",
}
"""What the audio of a call does."""

ADVICE: Final = {
    "not-refreshed": "not refreshed within {granted} s",
    "interval-too-long": "asked for {asked} s, granted {granted} s: set the phone to {granted} s",
}
"""What is wrong with a registration."""

SENTENCES: Final = ENDINGS | WARNINGS | VERDICTS | ADVICE


class Saying(NamedTuple):
    code: str
    params: dict[str, str]

    def __str__(self) -> str:
        return SENTENCES[self.code].format(**self.params)

    def row(self) -> Said:
        return {"code": self.code, "params": self.params, "text": str(self)}


def say(code: str, **params: object) -> Saying:
    return Saying(code, {name: str(value) for name, value in params.items()})
