# SPDX-License-Identifier: GPL-2.0-or-later
"""Users and the two secrets that stand for one: API tokens and one-time sign-in links. Secrets are kept as hashes."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appliance.permissions import Role


def secret_hash(text: str) -> str:
    """A plain SHA-256 is enough: the secrets are 256 random bits, not something a person made up."""
    return hashlib.sha256(text.encode()).hexdigest()


class User(AbstractUser):
    """No account exists before somebody makes one. A superuser is an owner, and an owner a superuser."""

    role = models.CharField(max_length=16, choices=Role.choices, default=Role.AUDITOR)

    token: ApiToken | None = None
    """With which a program speaks in this user's name; None in a browser."""

    def save(self, *args: Any, **options: Any) -> None:
        if self.is_superuser:
            self.role = Role.OWNER
        super().save(*args, **options)


class ApiToken(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=10)
    hash = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField(null=True, blank=True)
    last_used = models.DateTimeField(null=True, blank=True)
    role = models.CharField(
        max_length=16, choices=Role.choices, blank=True, help_text=_("may at most what this role may, and its user")
    )

    class Meta:
        ordering: ClassVar = ["-created"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SignInLink(models.Model):
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    hash = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField()
    used = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"link for {self.user} until {self.expires:%Y-%m-%d %H:%M}"
