# SPDX-License-Identifier: GPL-2.0-or-later
"""What the script of a call's page must know to say it in the reader's language."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from appliance.sip.columns.live import CALL_STATE, INSTEAD
from appliance.sip.columns.sentences import CLOSED_BECAUSE, SENTENCES, STATUS_WORDS


def ladder_config() -> dict[str, Any]:
    return {
        "lanes": {
            "phone": _("Phone system"),
            "inside": _("Firewall inside"),
            "outside": _("Firewall outside"),
            "firewall": _("Firewall"),
            "provider": _("Provider"),
            "media": _("Media proxy"),
        },
        "sentences": {code: {"label": word.label, "mark": word.mark} for code, word in SENTENCES.items()},
        "statuses": STATUS_WORDS,
        "closed": CLOSED_BECAUSE,
        "states": {state: word.label for state, word in CALL_STATE.items()},
        "packets": _("{n} packets · {rate} a second"),
        "packets_in_all": _("{n} packets"),
        "words": {
            "sdp": _("SDP"),
            "changes": _("{n} changes"),
            "change": _("1 change"),
            "unchanged": _("unchanged"),
            "would_change": _("would change {n}"),
            "stopped": _("stopped here"),
            "answered": _("{status} from the firewall"),
            "repeated": _("repeated"),
            "message": _("{time}: {what} from {lane}; {changes}"),
            "with_sdp": _("{what} with session description"),
            "repeats": _("{what}, sent {n} times"),
            "flows": _("flows"),
            "no_packets": _("no packets"),
            "silent": _("silent now"),
            "over": _("over"),
            "held": _("on hold"),
            "stream": _("{media}: {packets} packets"),
            "out": _("What the phone sends"),
            "in": _("What the phone hears"),
            "bar": _("{way}: {text}"),
            "silent_from": _("silent from {since} to {until}"),
            "silent_since": _("silent since {since}"),
            "silent_times": _("silent {n} times"),
            "waiting": _("No verdict yet: it comes with the first packets or two seconds after the answer."),
            "ringing": _("The call is being set up."),
            "line": _("line {n}"),
            "in_order": _("opened by {message} from {lane}"),
            "learnt": str(INSTEAD),
            "seconds": _("{n} s"),
            "none": _("none"),
            "silence": _("Media closes after {seconds} s of silence"),
            "session": _("The session timer of {seconds} s must be refreshed within {time}"),
            "longest": _("The call is ended in {time} at the latest"),
            "drained": _("Its openings close in {time}"),
            "forgotten": _("It leaves the live table in {time}"),
        },
    }
