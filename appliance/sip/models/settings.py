# SPDX-License-Identifier: GPL-2.0-or-later
"""What the operator has set of the ALG: one row for all providers, one for each that differs."""

from __future__ import annotations

from django.db import models

from appliance.sip.models.providers import Provider


class AlgSettings(models.Model):
    """`values` by the paths of sip.columns.SETTINGS; what is not there is inherited, for all providers the default."""

    provider = models.OneToOneField(Provider, models.CASCADE, null=True, blank=True, related_name="settings")
    values = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.provider.name if self.provider else "all providers"
