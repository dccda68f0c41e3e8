# SPDX-License-Identifier: GPL-2.0-or-later
"""SIP providers: what the ALG must know of an address object beyond its addresses."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from appliance.firewall.models import AddressObject


class Provider(models.Model):
    """`signalling` is its registrar and proxies; `media` where its RTP comes from, where that is known beforehand."""

    name = models.CharField(max_length=80, unique=True)
    signalling = models.OneToOneField(AddressObject, models.PROTECT, related_name="provider")
    media = models.ForeignKey(AddressObject, models.PROTECT, null=True, blank=True, related_name="media_of")
    symmetric_media = models.BooleanField(default=False)
    template = models.CharField(max_length=40, blank=True, default="")  # sip/data/providers.json, where it came from

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
