# SPDX-License-Identifier: GPL-2.0-or-later
"""Names the app to Django; nothing runs at start-up."""

from django.apps import AppConfig


class SystemConfig(AppConfig):
    name = "appliance.system"
    default_auto_field = "django.db.models.BigAutoField"
