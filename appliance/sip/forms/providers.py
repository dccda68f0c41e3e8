# SPDX-License-Identifier: GPL-2.0-or-later
"""The fields of a provider."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from appliance.firewall import queries
from appliance.firewall.models import AddressObject
from appliance.ui.forms import OperatorForm


class ProviderForm(OperatorForm):
    name = forms.CharField(
        label=_("Name"), required=False, max_length=80, help_text=_("As calls and quality call it.")
    )  # fmt: skip
    signalling: forms.ModelChoiceField[AddressObject] = forms.ModelChoiceField(
        AddressObject.objects.none(), label=_("Servers"),
        help_text=_("Its registrar and proxies: a host, a group, or a name with all its SRV targets."),
    )  # fmt: skip
    media: forms.ModelChoiceField[AddressObject] = forms.ModelChoiceField(  # type: ignore[assignment]  # a field, not the form's assets
        AddressObject.objects.none(), label=_("Media"), required=False, empty_label=_("not known beforehand"),
        help_text=_("Where its audio comes from before it has named its address, for early media."),
    )  # fmt: skip
    symmetric_media = forms.BooleanField(
        label=_("Sends audio from the port that it announces (symmetric RTP)"), required=False,
        help_text=_(
            "Then pinholes name its port as well. Change only if calls have no audio and their page says that it sends "
            "from another port."
        ),
    )  # fmt: skip
    template = forms.CharField(widget=forms.HiddenInput, required=False, max_length=40)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("signalling", "media"):
            self.fields[name].queryset = queries.addresses()  # type: ignore[attr-defined]  # a ModelChoiceField
