# SPDX-License-Identifier: GPL-2.0-or-later
"""Names the app to Django, and keeps the database's own guards in place: a table that is remade loses them."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class AuditConfig(AppConfig):
    name = "appliance.audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        pre_migrate.connect(_lay_down, sender=self)
        post_migrate.connect(_put_up, sender=self)


def _lay_down(using: str, **_rest: Any) -> None:
    from appliance.audit.services.guards import remove_guards

    remove_guards(using)


def _put_up(using: str, **_rest: Any) -> None:
    from django.conf import settings

    from appliance.audit.services.guards import install_guards

    if settings.AUDIT_GUARDS:
        install_guards(using)
