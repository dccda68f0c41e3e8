# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms of interfaces."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from appliance.network.models import Role
from appliance.ui.forms import OperatorForm


class InterfaceForm(OperatorForm):
    role = forms.ChoiceField(
        label=_("Role"), choices=Role.choices,
        help_text=_("Internal and DMZ lie behind this firewall; external leads to the Internet."),
    )  # fmt: skip
    addresses = forms.CharField(
        label=_("Addresses"), required=False, max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "class": "form-control mono"}),
        help_text=_("One a line, with its prefix: 192.168.0.1/24. What the kernel has wins where it differs."),
    )  # fmt: skip
    masquerade = forms.BooleanField(
        label=_("Translate what leaves here to this interface's address (IPv4)"), required=False,
        help_text=_(
            "Private addresses have no way back from the Internet. Change only if the router behind this interface "
            "knows the way to your inside networks."
        ),
    )  # fmt: skip

    def clean_addresses(self) -> list[str]:
        text: str = self.cleaned_data["addresses"]
        return text.split()
