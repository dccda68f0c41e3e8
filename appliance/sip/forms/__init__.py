# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms of telephony: the history, providers, one setting of the ALG."""

from appliance.sip.forms.history import HistorySearch, HistorySettingsForm, QualitySearch
from appliance.sip.forms.providers import ProviderForm
from appliance.sip.forms.settings import SettingForm

__all__ = ["HistorySearch", "HistorySettingsForm", "ProviderForm", "QualitySearch", "SettingForm"]
