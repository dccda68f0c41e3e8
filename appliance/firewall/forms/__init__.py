# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms of rules, addresses and services. What is right is the services' business; here stand fields and words."""

from appliance.firewall.forms.objects import (
    AddressForm,
    CountryDataForm,
    NameServersForm,
    ObjectForm,
    ReplaceForm,
    ScheduleForm,
    ServiceForm,
)
from appliance.firewall.forms.questions import OTHER, PacketForm, ReachForm
from appliance.firewall.forms.rules import DurationForm, ExemptionForm, RuleForm, StartForm

__all__ = [
    "OTHER",
    "AddressForm",
    "CountryDataForm",
    "DurationForm",
    "ExemptionForm",
    "NameServersForm",
    "ObjectForm",
    "PacketForm",
    "ReachForm",
    "ReplaceForm",
    "RuleForm",
    "ScheduleForm",
    "ServiceForm",
    "StartForm",
]
