# SPDX-License-Identifier: GPL-2.0-or-later
"""Users, the secrets that stand for one, where they are signed in, and when support may come in. Secrets are hashes."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appliance.permissions import Role, Scope


def secret_hash(text: str) -> str:
    """A plain SHA-256 is enough: the secrets are 256 random bits, not something a person made up."""
    return hashlib.sha256(text.encode()).hexdigest()


def within(networks: Iterable[str], host: str) -> bool:
    """Whether the host lies in one of them: addresses, or networks with their prefix."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return any(address in ipaddress.ip_network(each) for each in networks)


class User(AbstractUser):
    """No account exists before somebody makes one. A superuser is an owner, and an owner a superuser."""

    role = models.CharField(max_length=16, choices=Role.choices, default=Role.AUDITOR)
    ends = models.DateTimeField(null=True, blank=True, help_text=_("a pass: the account ends by itself"))
    source = models.CharField(max_length=64, blank=True, help_text=_("only from this address or network"))

    token: ApiToken | None = None
    """With which a program speaks in this user's name; None in a browser."""
    came_in: float | None = None
    """When the session or the token in use was made (Unix seconds); None where nobody asks over the network."""

    def save(self, *args: Any, **options: Any) -> None:
        if self.is_superuser:
            self.role = Role.OWNER
        super().save(*args, **options)

    @property
    def works(self) -> bool:
        """Neither switched off nor ended."""
        return self.is_active and (self.ends is None or self.ends > timezone.now())

    def comes_from_its_place(self, source: str) -> bool:
        return not self.source or within((self.source,), source)


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
    """`code` is the hash of a code that must be given as well; `tries` counts wrong ones."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sign_in_links")
    hash = models.CharField(max_length=64, unique=True)
    created = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField()
    used = models.DateTimeField(null=True, blank=True)
    code = models.CharField(max_length=64, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)

    def __str__(self) -> str:
        return f"link for {self.user} until {self.expires:%Y-%m-%d %H:%M}"


class SignedIn(models.Model):
    """One browser that somebody is signed in with; it goes when its session goes."""

    session = models.CharField(max_length=40, unique=True)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="signed_in")
    source = models.CharField(max_length=64, blank=True)
    agent = models.CharField(max_length=200, blank=True)
    since = models.DateTimeField(default=timezone.now)
    seen = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["-seen"]

    def __str__(self) -> str:
        return f"{self.user} from {self.source}"


class Attempt(models.Model):
    """Somebody tried to come in by password. `account` is what was typed, casefolded."""

    account = models.CharField(max_length=150)
    source = models.CharField(max_length=64)
    time = models.DateTimeField(default=timezone.now, db_index=True)
    succeeded = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.account} from {self.source}"


class Grant(models.Model):
    """A permission that the owner gave to a role, or took from it, beside the table (permissions.GRANTABLE)."""

    role = models.CharField(max_length=16, choices=Role.choices)
    permission = models.CharField(max_length=40)
    allowed = models.BooleanField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["role", "permission"], name="one_grant_each")]

    def __str__(self) -> str:
        return f"{self.role} {self.permission}"


class FactorDemand(models.Model):
    """One row: since when owners and firewall admins must have a second factor; None: they are only reminded.

    Whoever came in before that goes on until his session ends.
    """

    since = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return (
            f"second factor demanded since {self.since:%Y-%m-%d %H:%M}" if self.since else "second factor as one likes"
        )


class MaintenanceWindow(models.Model):
    """While it is open vendor support may come in, from `sources` and as far as `scope`.

    `rows` is the configuration as it was at the start, to show and take back what was changed.
    """

    started = models.DateTimeField(default=timezone.now)
    started_by = models.CharField(max_length=150)
    reason = models.CharField(max_length=500)
    scope = models.PositiveSmallIntegerField(choices=Scope.choices)
    sources = models.JSONField(default=list)
    ends = models.DateTimeField()
    boot = models.CharField(max_length=36)
    activation = models.BigIntegerField(null=True, blank=True)
    rows = models.JSONField(default=list)
    first_entry = models.PositiveBigIntegerField(default=0, help_text=_("of the audit log"))
    ended = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=150, blank=True)
    last_entry = models.PositiveBigIntegerField(default=0)
    rows_after = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["-started"]

    def __str__(self) -> str:
        return f"remote maintenance {self.started:%Y-%m-%d %H:%M}"
