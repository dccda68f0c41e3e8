# SPDX-License-Identifier: GPL-2.0-or-later
"""The columns of the live tables: calls, pinholes, registrations."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from django.utils.translation import gettext_lazy as _

from appliance.sip.columns.sentences import ADVICE, CLOSED_BECAUSE, ENDINGS, VERDICTS
from appliance.ui.columns import Column, LiveTable, Word

_DIRECTION: Final = {"inbound": Word(_("In")), "outbound": Word(_("Out"))}
_AUDIO: Final = {"on": Word(_("on")), "none": Word(_("none")), "was": Word(_("was on"))}
_HEARD: Final = {"out": Word(_("What the phone sends")), "in": Word(_("What the phone hears"))}
_ALG: Final = {"false": Word(_("ALG on")), "true": Word(_("ALG looks on only"))}
CALL_STATE: Final = {
    "setup": Word(_("Setting up"), "hint"),
    "in_call": Word(_("In call"), "ok"),
    "completed": Word(_("Ended"), ended=True),
    "cancelled": Word(_("Cancelled"), ended=True),
    "busy": Word(_("Busy"), "warning", ended=True),
    "rejected": Word(_("Rejected"), "error", ended=True),
    "diverted": Word(_("Diverted"), ended=True),
}
_PINHOLE_KIND: Final = {
    "gate": Word(_("Waiting"), "hint"),
    "exact": Word(_("Open"), "ok"),
    "learnt": Word(_("Learnt"), "ok"),
    "held": Word(_("On hold"), "ok"),
    "draining": Word(_("Closing"), ended=True),
    "shadow": Word(_("Would be open"), "hint"),
}
_REGISTRATION_STATE: Final = {
    "registered": Word(_("Registered"), "ok"),
    "overdue": Word(_("Overdue"), "warning"),
    "failed": Word(_("Failed"), "error"),
    "expired": Word(_("Expired"), "warning"),
}

FAULTS: Final = {code: replace(word, label="") if word.mark == "ok" else word for code, word in VERDICTS.items()}
"""In a table the good needs no words: the arrows say it."""

CALLS: Final = LiveTable(
    topic="calls",
    caption=_("Live calls"),
    columns=(
        Column("direction", _("Direction"), "direction", "third bare", words=_DIRECTION),
        Column("state", _("State"), "state", "third bare", words=CALL_STATE, below="ending", sentences=ENDINGS),
        Column("since", _("Duration"), "duration", "number third bare last"),
        Column("from_uri", _("From"), "uri", link="/calls/{id}/"),
        Column("to_uri", _("To"), "uri"),
        Column("verdict", _("What is wrong"), "said", "whole", words=FAULTS),
        Column("audio_out", _("Audio ↑ out"), "audio", "bare", words=_AUDIO, arrow="up"),
        Column("audio_in", _("Audio ↓ in"), "audio", "bare", words=_AUDIO, arrow="down"),
        Column("id", _("Loss, jitter"), "measured", words=_HEARD, link="/calls/measured/"),
        Column("codec", _("Codec"), css="third", below="pinholes", said_below=_("pinholes: {pinholes}")),
        Column("internal", _("Phone"), "address", "wide-only"),
        Column("provider", _("Provider"), css="third", below="shadow", sentences=_ALG),
    ),
    order="since",
    state="state",
    empty=_("No calls right now."),
    no_match=_("No call matches this filter."),
    summary=_("Calls: {rows}. New: {new}."),
)

_BRIEF: Final = ("direction", "state", "from_uri", "to_uri", "since", "verdict", "audio_out", "audio_in")
CALLS_IN_BRIEF: Final = replace(CALLS, columns=tuple(column for column in CALLS.columns if column.key in _BRIEF))

INSTEAD: Final = _("instead of {peer}, which the description named")
"""Below a peer that is learnt."""
CLOSE: Final = _("Close this pinhole? The call goes on without this media until its next description.")

PINHOLES: Final = LiveTable(
    topic="pinholes",
    caption=_("Pinholes"),
    columns=(
        Column("kind", _("State"), "state", "third bare", words=_PINHOLE_KIND),
        Column("media", _("Media"), css="third bare"),
        Column("component", _("Part"), css="third bare", words={"rtp": Word("RTP"), "rtcp": Word("RTCP")}),
        Column("internal", _("Phone"), "address"),
        Column("mapped", _("Announced as"), "address"),
        Column("external", _("Peer"), "address", below="instead_of", said_below=INSTEAD),
        Column("opened", _("Opened"), "time", "number"),
        Column("packets_out", _("Packets ↑ out"), "number", "number third"),
        Column("packets_in", _("Packets ↓ in"), "number", "number third"),
        Column("expires", _("Closes in"), "countdown", "number third"),
        Column("call", _("Call"), "action", "tight", action=_("Show"), link="/calls/{id}/"),
        Column(
            "id", _("Close"), "action", "tight bare", action=_("Close"), link="/calls/pinholes/{id}/close/", asks=CLOSE
        ),
    ),
    order="opened",
    state="kind",
    empty=_("No openings."),
    no_match=_("No pinhole matches this filter."),
    summary=_("Pinholes: {rows}. New: {new}."),
)

PINHOLES_TO_READ: Final = replace(PINHOLES, columns=tuple(column for column in PINHOLES.columns if not column.asks))
"""For people who may not close any."""

CLOSED: Final = LiveTable(
    topic="closed",
    caption=_("Pinholes that are closed"),
    columns=(
        Column("opened", _("Opened"), "time", "number"),
        Column("closed", _("Closed"), "time", "number"),
        Column("why", _("Why it closed"), words={why: Word(words) for why, words in CLOSED_BECAUSE.items()}),
        Column("opened_by", _("Asked for by"), below="line", said_below=_("{media} {component}, line {line}")),
        Column("internal", _("Phone"), "address"),
        Column("mapped", _("Announced as"), "address"),
        Column("external", _("Peer"), "address", below="instead_of", said_below=INSTEAD),
        Column("packets_out", _("Packets ↑ out"), "number", "number third"),
        Column("packets_in", _("Packets ↓ in"), "number", "number third"),
        Column("call", _("Call"), "action", "tight", action=_("Show"), link="/calls/{id}/"),
    ),
    order="closed",
    state="why",
    empty=_("Nothing has closed yet."),
    no_match=_("No pinhole matches this filter."),
    summary=_("Pinholes: {rows}. New: {new}."),
)

REGISTRATIONS: Final = LiveTable(
    topic="registrations",
    caption=_("Registrations"),
    columns=(
        Column("state", _("State"), "state", "bare", words=_REGISTRATION_STATE, below="status"),
        Column("aor", _("Account"), "uri", "bare"),
        Column("advice", _("What is wrong"), "said", "whole", words=ADVICE),
        Column("internal", _("Phone"), "address"),
        Column("contact", _("Contact it sent"), "contact", "whole"),
        Column("mapped", _("Contact the provider sees"), "contact", "whole"),
        Column("provider", _("Provider"), below="registrar", said_below="{registrar}"),
        Column("registered", _("Since"), "time", "number roomy"),
        Column("asked", _("Asked"), "seconds", "number third"),
        Column("granted", _("Granted"), "seconds", "number third"),
        Column("expires", _("Refresh due in"), "countdown", "number third"),
    ),
    order="registered",
    state="state",
    empty=_("No registration seen yet."),
    no_match=_("No registration matches this filter."),
    summary=_("Registrations: {rows}. New: {new}."),
)
