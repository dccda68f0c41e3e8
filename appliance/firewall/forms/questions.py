# SPDX-License-Identifier: GPL-2.0-or-later
"""The fields of what is asked of the rules: which decides about a packet, and who can reach a host."""

from __future__ import annotations

import time
from ipaddress import ip_address
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from appliance.firewall.models import Protocol
from appliance.firewall.services import wrong_number
from appliance.ruleset.decide import IN_FRONT_OF_IPV6, Host, Packet, packet_of
from appliance.ruleset.policy import Policy
from appliance.ui.forms import MomentInput, OperatorForm

OTHER: Final = str(Protocol.OTHER)
BEHIND_IPV6: Final = _("In IPv6 this stands in front of the protocol, and rules look behind it: ask about that one.")


class PacketForm(OperatorForm):
    """The first packet of a connection."""

    meant_for = {"number": ("protocol", OTHER), "dport": ("protocol", "udp tcp")}

    saddr = forms.GenericIPAddressField(
        label=_("From address"), help_text=_("Who sends first, such as 192.168.0.10."),
    )  # fmt: skip
    daddr = forms.GenericIPAddressField(
        label=_("To address"), help_text=_("As the sender writes it, before any translation."),
    )  # fmt: skip
    protocol = forms.ChoiceField(
        label=_("Protocol"),
        choices=[("udp", "UDP"), ("tcp", "TCP"), ("icmp", _("ICMP (a ping)")), (OTHER, Protocol.OTHER.label)],
        help_text=_("SIP is mostly UDP, web pages are TCP."),
    )
    number = forms.IntegerField(
        label=_("Protocol number"), required=False, min_value=0, max_value=255,
        widget=forms.NumberInput(attrs={"placeholder": "ESP 50, GRE 47"}), help_text=_("Only for another protocol."),
    )  # fmt: skip
    dport = forms.IntegerField(
        label=_("Port"), required=False, min_value=1, max_value=65535,
        help_text=_("The port that it wants to reach: 5060 for SIP."),
    )  # fmt: skip
    at = forms.DateTimeField(
        label=_("When"), required=False,
        widget=MomentInput(),
        help_text=_("Empty: now. Change only if a rule has an end or a schedule."),
    )  # fmt: skip
    draft = forms.BooleanField(
        label=_("Ask the draft, not what runs"), required=False,
        help_text=_("As it would be once the pending changes are applied."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        ends = [ip_address(values[name]) for name in ("saddr", "daddr") if values.get(name)]
        if len({end.version for end in ends}) > 1:
            self.add_error("daddr", _("Both addresses must be of one family."))
        if values.get("protocol") in ("udp", "tcp") and not values.get("dport"):
            self.add_error("dport", _("UDP and TCP need a port."))
        if values.get("protocol") == OTHER and "number" in values:
            wrong = wrong_number(values["number"])
            if not wrong and values["number"] in IN_FRONT_OF_IPV6 and {end.version for end in ends} == {6}:
                wrong = str(BEHIND_IPV6)
            if wrong:
                self.add_error("number", wrong)
        return values

    def packet(self, policy: Policy) -> Packet:
        values = self.cleaned_data
        at = values["at"].timestamp() if values["at"] else time.time()
        saddr, daddr = ip_address(values["saddr"]), ip_address(values["daddr"])
        protocol = values["number"] if values["protocol"] == OTHER else values["protocol"]
        dport = values["dport"] if protocol in ("udp", "tcp") else None
        return packet_of(policy, saddr, daddr, protocol, dport, at)


class ReachForm(OperatorForm):
    host = forms.GenericIPAddressField(
        label=_("Address"), help_text=_("The host that somebody wants to reach, such as 192.168.0.2.")
    )  # fmt: skip
    draft = forms.BooleanField(
        label=_("Ask the draft, not what runs"), required=False,
        help_text=_("As it would be once the pending changes are applied."),
    )  # fmt: skip

    def clean_host(self) -> Host:
        return ip_address(self.cleaned_data["host"])
