# SPDX-License-Identifier: GPL-2.0-or-later
"""Names the app to Django, and writes down what Django and allauth tell of people coming, going, and their factors."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.http import HttpRequest


class AccountsConfig(AppConfig):
    name = "appliance.accounts"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from allauth.mfa.models import Authenticator
        from django.contrib.auth import signals as auth
        from django.db.models import signals as rows

        auth.user_logged_in.connect(_signed_in)
        auth.user_logged_out.connect(_signed_out)
        rows.post_save.connect(_factor_added, sender=Authenticator)
        rows.post_delete.connect(_factor_removed, sender=Authenticator)


def _signed_in(user: Any, request: HttpRequest, **_rest: Any) -> None:
    from appliance.accounts import services

    services.signed_in(user=user, request=request)


def _signed_out(user: Any, request: HttpRequest, **_rest: Any) -> None:
    from appliance.accounts import services

    services.signed_out(user=user, request=request)


def _factor_added(instance: Any, created: bool, **_rest: Any) -> None:
    """In allauth's own transaction; its signals come after it."""
    if created:
        _note("add second factor", instance)


def _factor_removed(instance: Any, **_rest: Any) -> None:
    _note("remove second factor", instance)


def _note(verb: str, factor: Any) -> None:
    from django.db import transaction

    from appliance.audit.services import record

    with transaction.atomic():
        record(actor=factor.user, verb=verb, target=factor.user, after={"type": factor.type})
