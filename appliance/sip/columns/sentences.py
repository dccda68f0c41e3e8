# SPDX-License-Identifier: GPL-2.0-or-later
"""What the engine says, in the reader's language: its sentences by code, and the words of its tables.

The codes are the engine's (contract.events.Said); a test holds these tables to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from appliance.ui.columns import Word

ENDINGS: Final = {
    "hung-up-inside": Word(_("hung up by the phone")),
    "hung-up-outside": Word(_("hung up by the other side")),
    "hung-up-inside-no-ack": Word(_("hung up by the phone; the ACK to the answer never came"), "error"),
    "hung-up-outside-no-ack": Word(_("hung up by the other side; the ACK to the answer never came"), "error"),
    "hung-up-inside-ack-not-taken": Word(_("hung up by the phone; the ACK that we passed on was never taken"), "error"),
    "hung-up-outside-ack-not-taken": Word(
        _("hung up by the other side; the ACK that we passed on was never taken"), "error"
    ),
    "hung-up-inside-session-timer": Word(
        _("hung up by the phone; the session timer of {interval} s was not refreshed"), "error"
    ),
    "hung-up-outside-session-timer": Word(
        _("hung up by the other side; the session timer of {interval} s was not refreshed"), "error"
    ),
    "hung-up-inside-no-media": Word(_("hung up by the phone after {seconds} s without media"), "warning"),
    "hung-up-outside-no-media": Word(_("hung up by the other side after {seconds} s without media"), "warning"),
    "cancelled-inside": Word(_("cancelled by the phone")),
    "cancelled-outside": Word(_("cancelled by the other side")),
    "final-response": Word(_("{status} {phrase}")),
    "final-response-overdue": Word(_("{status} {phrase}; the phone's registration is overdue"), "warning"),
    "no-answer": Word(_("no answer")),
    "maximum-duration": Word(_("longest duration reached"), "warning"),
    "address-changed": Word(_("our address changed"), "warning"),
    "rule-ended": Word(_("the time of its rule is over"), "warning"),
    "refused-here": Word(_("refused here: {reason}"), "error"),
    "opening-refused": Word(_("the firewall refused the opening"), "error"),
}

VERDICTS: Final = {
    "ack-missing": Word(_("The ACK is missing; without it the call is cut after 32 s."), "error"),
    "ack-not-taken-inside": Word(
        _("The ACK went on, but the phone does not take it; the call is cut after 32 s."), "error"
    ),
    "ack-not-taken-outside": Word(
        _("The ACK went on, but the other side does not take it; the call is cut after 32 s."), "error"
    ),
    "media-timeout": Word(_("No media for {seconds} s: closed, the call stays."), "warning"),
    "description-signed": Word(
        _("The digest covers the description (qop=auth-int): it stays as it is, and its media closed."), "error"
    ),
    "opening-not-made": Word(
        _("The firewall refused a new opening; what was open stays, and so does the call."), "error"
    ),
    "opening-not-renewed": Word(
        _("The firewall no longer allows an opening of this call: it closes once it is silent."), "error"
    ),
    "opening-closed": Word(_("An operator closed the opening for media; the call stays."), "warning"),
    "unlearnt": Word(_("Media is no longer learnt from {source}: closed, the call stays."), "warning"),
    "audio-both": Word(_("Audio flows in both directions."), "ok"),
    "audio-both-learnt": Word(
        _("Audio flows in both directions; the other side sends from {source}, not from {peer}: learnt."), "hint"
    ),
    "on-hold": Word(_("The call is on hold: silence is expected."), "hint"),
    "peer-silent": Word(
        _("No packets from {peer} since the answer; nothing comes from anywhere else either."), "error"
    ),
    "peer-other-host": Word(_("No packets from {peer} since the answer; the other side sends from {host}."), "error"),
    "peer-other-port": Word(
        _("No packets from {peer} since the answer; it sends from port {port}, the SDP said {said}."), "error"
    ),
    "peer-missed-port": Word(_("{host} sends to port {port}, the SDP said {said}."), "error"),
    "peer-stopped": Word(_("No packets from {peer} any more."), "error"),
    "phone-silent": Word(_("The phone {phone} does not send."), "error"),
    "phone-other-port": Word(_("The phone {phone} sends from port {port}, its SDP said {said}."), "error"),
    "phone-missed-port": Word(_("The phone {phone} sends to port {port} of {peer}, the SDP said {said}."), "error"),
    "phone-stopped": Word(_("The phone {phone} does not send any more."), "error"),
    "both-silent": Word(_("No packets in either direction since the answer."), "error"),
}

ADVICE: Final = {
    "not-refreshed": Word(_("Not refreshed within {granted} s: the provider has forgotten this phone."), "warning"),
    "interval-too-long": Word(
        _("Asked for {asked} s, granted {granted} s. Set the registration interval in the phone to {granted} s."),
        "warning",
    ),
}
"""What is wrong with a registration."""

SENTENCES: Final = ENDINGS | VERDICTS | ADVICE

STATUS_WORDS: Final = {
    "400": _("the request was malformed"),
    "401": _("the password was asked for and not accepted"),
    "403": _("the provider refuses this call"),
    "404": _("this number does not exist"),
    "407": _("the password was asked for and not accepted"),
    "408": _("nobody answered in time"),
    "410": _("this number is no longer in use"),
    "415": _("the other side does not understand the content"),
    "480": _("not reachable at the moment"),
    "481": _("the other side does not know this call"),
    "484": _("the number is incomplete"),
    "486": _("busy"),
    "487": _("cancelled before somebody answered"),
    "488": _("no common codec or media"),
    "500": _("a fault at the other side"),
    "502": _("a gateway behind the provider failed"),
    "503": _("the provider is overloaded or out of service"),
    "504": _("the other side did not answer in time"),
    "600": _("busy everywhere"),
    "603": _("declined"),
    "604": _("this number does not exist anywhere"),
}
"""RFC 3261 §21, in plain words."""

RULES: Final = {
    "the party's signalling endpoint and our mapping of it": _("the party's signalling endpoint and our mapping of it"),
    "the party's own address and ours": _("the party's own address and ours"),
    "the party's own address in maddr and ours (RFC 3261 §19.1.1)": _(
        "the party's own address in maddr and ours (RFC 3261 §19.1.1)"
    ),
    "the source that the peer saw is our mapping (RFC 3581)": _(
        "the source that the peer saw is our mapping (RFC 3581)"
    ),
    "the party's media address and ours": _("the party's media address and ours"),
    "the party's media port and the port we opened for it": _("the party's media port and the port we opened for it"),
    "the party's own address in o= and ours": _("the party's own address in o= and ours"),
    "our mapping and the internal endpoint that it stands for": _(
        "our mapping and the internal endpoint that it stands for"
    ),
    "the alternative address (a=altc) that repeats the media's": _(
        "the alternative address (a=altc) that repeats the media's"
    ),
    "the party's ICE candidate and ours": _("the party's ICE candidate and ours"),
    "the internal Call-ID and its replacement": _("the internal Call-ID and its replacement"),
    "content-length: the body's length changed": _("the body's length changed"),
}
"""Why the ALG changed something, by what the engine calls it."""

CLOSED_BECAUSE: Final = {
    "": _("open"),
    "call-ended": _("the call ended"),
    "replaced": _("a new description named other endpoints"),
    "answered": _("the other side named its own endpoint"),
    "other-branch": _("another branch of the call"),
    "challenged": _("the provider asked for the password"),
    "silent": _("no packets for too long"),
    "operator": _("closed by an operator"),
    "refused": _("the firewall had lost it and does not allow it any more"),
    "unlearnt": _("media is no longer learnt from there"),
}


def said(saying: Mapping[str, Any] | None) -> str:
    """The sentence in the reader's language; the engine's own English for a code that is newer than this console."""
    if not saying:
        return ""
    word = SENTENCES.get(saying["code"])
    sentence = str(word.label).format_map(saying["params"]) if word else str(saying["text"])
    status = STATUS_WORDS.get(saying["params"].get("status", ""))
    return f"{sentence} ({status})" if status else sentence


def level(saying: Mapping[str, Any] | None) -> str:
    """How bad it is: the mark of its word."""
    word = SENTENCES.get(saying["code"]) if saying else None
    return word.mark if word else ""
