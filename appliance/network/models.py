# SPDX-License-Identifier: GPL-2.0-or-later
"""The appliance's network interfaces, as the operator named and placed them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sipalg_core.contract import names


class Role(models.TextChoices):
    """On which side of the appliance an interface lies."""

    INTERNAL = "internal", _("internal")
    EXTERNAL = "external", _("external")
    DMZ = "dmz", _("DMZ")
    MANAGEMENT = "management", _("management")


class Interface(models.Model):
    node = models.CharField(max_length=40, default=names.NODE)
    name = models.CharField(max_length=15)
    role = models.CharField(max_length=12, choices=Role.choices)
    addresses = models.JSONField(default=list)
    masquerade = models.BooleanField(default=False)

    class Meta:
        ordering: ClassVar = ["node", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["node", "name"], name="interface_once_per_node")]

    def __str__(self) -> str:
        return self.name


class Found(models.Model):
    """The addresses that the kernel had last: what the running rules and the ALG go by. No configuration."""

    node = models.CharField(max_length=40, default=names.NODE)
    name = models.CharField(max_length=15)
    addresses = models.JSONField(default=list)
    since = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["node", "name"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["node", "name"], name="found_once_per_node")]

    def __str__(self) -> str:
        return self.name
