# SPDX-License-Identifier: GPL-2.0-or-later
"""How the self-test is said: its call flows in the reader's language, and the report as text."""

from __future__ import annotations

from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliance.sip.models import SelfTest

FLOWS: Final = {
    "registration": gettext_lazy("Registration"),
    "outgoing-call": gettext_lazy("Outgoing call"),
    "incoming-call": gettext_lazy("Incoming call"),
    "early-media": gettext_lazy("Ringing tone before the answer"),
    "hold": gettext_lazy("Hold and resume"),
    "fax": gettext_lazy("Call that becomes a fax (T.38)"),
    "cancelled-call": gettext_lazy("Call that is cancelled"),
    "refused-call": gettext_lazy("Call that is refused"),
    "stranger": gettext_lazy("Strangers stay outside"),
    "engine-killed": gettext_lazy("The engine is killed in a call"),
    "outgoing-call-tcp": gettext_lazy("Outgoing call over TCP"),
    "registration-tcp": gettext_lazy("Registration over TCP"),
    "outgoing-call-ipv6": gettext_lazy("Outgoing call over IPv6"),
    "incoming-call-ipv6": gettext_lazy("Incoming call over IPv6"),
}
"""By sipalg_core.selftest.flows.Flow.name."""


def report(selftest: SelfTest) -> str:
    """For a hotline: no name, number or address of the appliance is in it."""
    lines = [
        _("Pinhole self-test, %s UTC") % f"{selftest.asked:%Y-%m-%d %H:%M}",
        _("Phone, provider and media peer are played by the appliance itself, through its own SIP ALG."),
        "",
    ]
    for each in selftest.results:
        word = _("passed") if each["ok"] else _("FAILED")
        lines.append(f"{each['number']:2} {FLOWS.get(each['flow'], each['flow'])}: {word} ({each['seconds']:.1f} s)")
        if each["detail"]:
            lines.append(f"   {each['detail']}")
    if selftest.error:
        lines.append(selftest.error)
    passed = len(selftest.results) - selftest.failed
    lines += ["", _("%(passed)d of %(all)d passed.") % {"passed": passed, "all": selftest.of}]
    return "\n".join(lines) + "\n"
