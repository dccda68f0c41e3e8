# SPDX-License-Identifier: GPL-2.0-or-later
"""Each setting has its sentence, and one with a default says when to change it."""

from __future__ import annotations

import pytest

from appliance.accounts.forms import TokenForm
from appliance.firewall.forms import NameServersForm
from appliance.network.forms import InterfaceForm
from appliance.sip.columns.settings import SETTINGS
from appliance.sip.forms import HistorySettingsForm, ProviderForm
from appliance.system.forms import ApplyForm, CertificateForm, NoticeForm
from appliance.wizard.forms import InternetForm

FORMS = (
    ApplyForm, CertificateForm, HistorySettingsForm, InterfaceForm, InternetForm, NameServersForm, NoticeForm,
    ProviderForm, TokenForm,
)  # fmt: skip
NAMES = {"name", "reason"}  # they say themselves what they are
DEFAULTS = {
    "anyway", "servers", "lifetime",
    "confirm_within", "retention_days", "masking", "masquerade", "before_minutes", "inside", "smtp_port",
    "smtp_security", "syslog_port", "syslog_protocol", "symmetric_media",
}  # fmt: skip
"""Fields that are right as they are for nearly everybody."""


@pytest.mark.parametrize("form", FORMS)
def test_each_field_has_its_sentence(form):
    for name, field in form.base_fields.items():
        assert name in NAMES or field.widget.is_hidden or str(field.help_text).endswith("."), f"{form.__name__}.{name}"
        assert ("Change only if " in str(field.help_text)) == (name in DEFAULTS), f"{form.__name__}.{name}"


def test_each_setting_of_the_alg_has_sentence_and_condition():
    for path, setting in SETTINGS.items():
        assert str(setting.sentence).endswith("."), path
        assert str(setting.change_only_if).endswith("."), path
