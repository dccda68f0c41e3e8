# SPDX-License-Identifier: GPL-2.0-or-later
"""How the self-test is said: its call flows in the reader's language, and the report as text."""

from __future__ import annotations

from textwrap import wrap
from typing import Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliance.shipped import machine
from appliance.sip.models import SelfTest

_PLAYED: Final = {"phone": "192.168.0.10", "ours": "203.0.113.2", "provider": "203.0.113.1", "media": "203.0.113.99"}
"""By sipalg_core.selftest.sandbox."""

_WIDTH: Final = 100
"""Of a paragraph: a report is read in mails."""

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

_REGISTERED: Final = gettext_lazy(
    "REGISTER and its 200: the registrar is told our outside address, the phone finds its own Contact in the answer."
)
_SPOKEN: Final = gettext_lazy(
    "INVITE, 200, ACK, RTP both ways between exactly the announced ports, BYE; then both ports are closed."
)
SEEN: Final = {
    "registration": _REGISTERED,
    "outgoing-call": _SPOKEN,
    "incoming-call": _SPOKEN,
    "early-media": gettext_lazy("183 with a description: RTP from outside is heard before the 200."),
    "hold": gettext_lazy("Two re-INVITEs (sendonly, sendrecv) keep the announced port; RTP flows again afterwards."),
    "fax": gettext_lazy("A re-INVITE refuses audio and offers T.38 (UDPTL): the image stream flows both ways."),
    "cancelled-call": gettext_lazy("180, CANCEL, 487: no port of the offer stays open."),
    "refused-call": gettext_lazy("486: no port of the offer stays open."),
    "stranger": gettext_lazy(
        "RTP of another host, and from another port of the announced host, reaches nobody; the call goes on."
    ),
    "engine-killed": gettext_lazy(
        "The process is killed in a call: RTP flows before and after, and BYE still closes it."
    ),
    "outgoing-call-tcp": _SPOKEN,
    "registration-tcp": _REGISTERED,
    "outgoing-call-ipv6": _SPOKEN,
    "incoming-call-ipv6": _SPOKEN,
}
"""What a flow that passed has shown, in the words of those who read traces."""


def report(selftest: SelfTest) -> str:
    """For a hotline: no name, number or address of the appliance is in it."""
    lines = [*_head(selftest), ""]
    for each in selftest.results:
        word = _("passed") if each["ok"] else _("FAILED")
        lines.append(f"{each['number']:2} {FLOWS.get(each['flow'], each['flow'])}: {word} ({each['seconds']:.1f} s)")
        lines.append(f"   {each['detail'] or SEEN.get(each['flow'], '')}".rstrip())
    if selftest.error:
        lines.append(_(selftest.error))
    lines += ["", *wrap(_meaning(selftest), _WIDTH)]
    return "\n".join(lines) + "\n"


def _head(selftest: SelfTest) -> list[str]:
    passed = len(selftest.results) - selftest.failed
    ended = f" – {selftest.finished:%H:%M:%S}" if selftest.finished else ""
    return [
        _("Pinhole self-test, %s UTC") % f"{selftest.asked:%Y-%m-%d %H:%M:%S}{ended}",
        _("%(passed)d of %(all)d passed.") % {"passed": passed, "all": selftest.of},
        ", ".join(" ".join((name, said.removeprefix(name).strip())) for name, said in machine()),
        "",
        _("Phone, provider and media peer are played by the appliance itself, through its own SIP ALG."),
        *wrap(
            _("The timers and limits are those that are set on this firewall. All addresses are made up: phone "
              "%(phone)s, firewall %(ours)s, provider %(provider)s, its media %(media)s.") % _PLAYED, _WIDTH,
        ),
    ]  # fmt: skip


def _meaning(selftest: SelfTest) -> str:
    if selftest.error:
        return ""
    if selftest.passed:
        return _(
            "So this firewall neither loses nor damages SIP and RTP of these call flows. The test does not look at the "
            "line, at the provider's network or at the phone system: for a call that failed, a trace of it helps "
            "(page of the call, download as text or capture)."
        )
    return _(
        "A flow that fails here fails inside this firewall: neither the line nor the provider takes part. Send this "
        "report to whoever supports the firewall."
    )
