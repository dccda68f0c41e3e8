# SPDX-License-Identifier: GPL-2.0-or-later
"""Revisions: numbered, frozen copies of the policy on their way into the kernel; backups that wait to be restored."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from sipalg_core.contract import names


class State(models.TextChoices):
    """One revision of a node is `applied`; one more may be `waiting`, and decides until its deadline."""

    PENDING = "pending", _("pending")
    APPLYING = "applying", _("applying")
    WAITING = "waiting", _("waiting for confirmation")
    APPLIED = "applied", _("confirmed")
    ROLLED_BACK = "rolled_back", _("rolled back")
    FAILED = "failed", _("failed")
    SUPERSEDED = "superseded", _("superseded")


class OldConnections(models.TextChoices):
    """What becomes of connections that an apply has left behind."""

    ASK = "ask", _("to be decided")
    LATER = "later", _("closed when the calls end")
    CLOSED = "closed", _("closed")


class Revision(models.Model):
    """`policy` is what the operator saw when asking for it (ruleset.policy); `nft` what the kernel got.

    `rows` is the configuration that it came from, so that one can go back to it. `deadline` is for people: the kernel
    counts by itself. `old_connections` counts what began under other rules: `old`, `calls` that go on, `choice`,
    `closed`.
    """

    number = models.PositiveIntegerField()
    node = models.CharField(max_length=40, default=names.NODE)
    author = models.CharField(max_length=150)
    reason = models.CharField(max_length=500, blank=True)
    created = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=12, choices=State.choices, default=State.PENDING)
    policy = models.JSONField()
    rows = models.JSONField(null=True, blank=True)
    expired = models.JSONField(default=list, help_text=_("ids of rules that have ended since"))
    refreshed_at = models.DateTimeField(null=True, blank=True)
    asked_from = models.GenericIPAddressField(null=True, blank=True)
    asked_port = models.PositiveIntegerField(null=True, blank=True)
    confirm_within = models.PositiveSmallIntegerField(default=0, help_text=_("seconds; 0: it is kept at once"))
    deadline = models.DateTimeField(null=True, blank=True)
    nft = models.TextField(blank=True)
    error = models.TextField(blank=True)
    old_connections = models.JSONField(default=dict, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    applied_at = models.DateTimeField(null=True, blank=True)
    duration = models.FloatField(null=True, blank=True, help_text=_("seconds, from check to told"))

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["node", "number"], name="revision_once_per_node")]

    def __str__(self) -> str:
        return f"r{self.number}"


class ReasonDemand(models.Model):
    """One row: since when nothing is applied without a reason; None, or no row: one may leave it out."""

    since = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"reason demanded since {self.since:%Y-%m-%d %H:%M}" if self.since else "reason as one likes"

    @classmethod
    def stands(cls) -> bool:
        return cls.objects.filter(since__isnull=False).exists()


class Ignored(models.Model):
    """A finding of the advisor that somebody looked at and let be, with the reason, until the end."""

    finding = models.CharField(max_length=200, unique=True)
    reason = models.CharField(max_length=500)
    author = models.CharField(max_length=150)
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["finding"]

    def __str__(self) -> str:
        return self.finding


class Advised(models.Model):
    """What the advisor found when it last looked by itself: for the menu, the overview and metrics."""

    node = models.CharField(max_length=40, unique=True, default=names.NODE)
    at = models.DateTimeField()
    findings = models.JSONField(default=list, help_text=_("id, check, severity and texts by language of each"))
    missed = models.JSONField(default=list, help_text=_("ids of checks whose evidence could not be had"))
    made = models.JSONField(default=dict, help_text=_("by id of a check: when it was last made (Unix seconds)"))

    def __str__(self) -> str:
        return f"{self.node} at {self.at:%H:%M:%S}"


class Restoration(models.Model):
    """What a backup held that somebody has looked into; it goes when it is restored, or after an hour."""

    author = models.CharField(max_length=150)
    created = models.DateTimeField(default=timezone.now)
    content = models.JSONField(default=dict)

    class Meta:
        ordering: ClassVar = ["-created"]

    def __str__(self) -> str:
        return str(self.pk or _("configuration"))


class NoticeSettings(models.Model):
    """Whom to tell, and how. Secrets are sealed (system.services.notices). One row a node."""

    FIELDS: ClassVar = (
        "inside", "before_minutes", "email_to", "email_from", "smtp_host", "smtp_port", "smtp_security", "smtp_user",
        "smtp_password", "webhook_url", "webhook_secret", "syslog_host", "syslog_port", "syslog_protocol",
    )  # fmt: skip

    node = models.CharField(max_length=40, unique=True, default=names.NODE)
    since = models.DateTimeField(default=timezone.now)
    inside = models.BooleanField(default=False)
    before_minutes = models.PositiveIntegerField(default=60)
    email_to = models.JSONField(default=list, blank=True)
    email_from = models.CharField(max_length=254, blank=True)
    smtp_host = models.CharField(max_length=253, blank=True)
    smtp_port = models.PositiveIntegerField(default=587)
    smtp_security = models.CharField(max_length=8, default="starttls")
    smtp_user = models.CharField(max_length=200, blank=True)
    smtp_password = models.CharField(max_length=500, blank=True)
    webhook_url = models.CharField(max_length=500, blank=True)
    webhook_secret = models.CharField(max_length=500, blank=True)
    syslog_host = models.CharField(max_length=253, blank=True)
    syslog_port = models.PositiveIntegerField(default=514)
    syslog_protocol = models.CharField(max_length=3, default="udp")
    audit_told = models.PositiveBigIntegerField(null=True, help_text=_("last entry of the audit log that syslog has"))

    def __str__(self) -> str:
        return self.node


class Notice(models.Model):
    """One event that somebody is told of, once (`key`). `deliveries` says by channel: tries, due, error, done."""

    node = models.CharField(max_length=40, default=names.NODE)
    key = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)
    level = models.CharField(max_length=8)
    subject = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    created = models.DateTimeField(default=timezone.now)
    deliveries = models.JSONField(default=dict)
    done = models.BooleanField(default=False, db_index=True)

    class Meta:
        ordering: ClassVar = ["-created"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["node", "key"], name="notice_once_per_node")]

    def __str__(self) -> str:
        return self.subject


class Setup(models.Model):
    """How far the first-run wizard is: what was answered, by step, and what the answers have drafted. One row a node.

    No secret is among the answers. `drafted` holds keys by model, so that another answer replaces what the first one
    made; `seen` is what the live check has seen.
    """

    node = models.CharField(max_length=40, unique=True, default=names.NODE)
    started = models.DateTimeField(default=timezone.now)
    author = models.CharField(max_length=150)
    answers = models.JSONField(default=dict)
    passed = models.JSONField(default=list)
    drafted = models.JSONField(default=dict)
    seen = models.JSONField(default=dict)
    revision = models.PositiveIntegerField(null=True, blank=True)
    ended = models.DateTimeField(null=True, blank=True)

    def in_shape(self) -> Setup:
        """Without what is no answer, no step, no key. What an answer says is for the wizard to judge."""
        answers, drafted, seen = (_mapping(each) for each in (self.answers, self.drafted, self.seen))
        self.answers = {step: answer for step, answer in answers.items() if isinstance(answer, dict)}
        self.passed = [each for each in _list(self.passed) if isinstance(each, str)]
        self.drafted = {model: [key for key in _list(keys) if is_key(key)] for model, keys in drafted.items()}
        self.seen = {word: now for word, now in seen.items() if isinstance(now, bool)}
        return self

    def __str__(self) -> str:
        return self.node


def is_key(value: object) -> bool:
    """Whether a row could have it."""
    return type(value) is int and 0 < value < 2**63


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
