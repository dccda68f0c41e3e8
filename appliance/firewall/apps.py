# SPDX-License-Identifier: GPL-2.0-or-later
"""Names the app to Django; nothing runs at start-up."""

from django.apps import AppConfig


class FirewallConfig(AppConfig):
    name = "appliance.firewall"
    default_auto_field = "django.db.models.BigAutoField"
