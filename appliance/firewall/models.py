# SPDX-License-Identifier: GPL-2.0-or-later
"""Address objects, services, and the ordered rules that use them."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext_lazy as _

from appliance.network.models import Role
from sipalg_core.contract import names


class AddressKind(models.TextChoices):
    HOST = "host", _("host")
    NETWORK = "network", _("network")
    RANGE = "range", _("range")
    DNS = "dns", _("DNS name")
    COUNTRY = "country", _("country")
    GROUP = "group", _("group")


class Lookup(models.TextChoices):
    """How a DNS name becomes addresses (ruleset.resolution)."""

    ADDRESS = "address", _("address of the name (A, AAAA)")
    SRV = "srv", _("servers of a service (SRV)")
    NAPTR = "naptr", _("servers by NAPTR")


class Protocol(models.TextChoices):
    UDP = "udp", "UDP"
    TCP = "tcp", "TCP"
    BOTH = "both", _("UDP and TCP")
    ICMP = "icmp", "ICMP"
    ANY = "any", _("any")
    OTHER = "other", _("other, by number")
    GROUP = "group", _("group of services")


class Application(models.TextChoices):
    """What the appliance understands beyond ports."""

    NONE = "", _("none")
    SIP = "sip", "SIP"


class Table(models.TextChoices):
    """Which packets a list of rules is asked about."""

    FORWARD = "forward", _("Through the firewall")
    DNAT = "dnat", _("Destination NAT")
    SNAT = "snat", _("Source NAT")
    INPUT = "input", _("To this device")


class Action(models.TextChoices):
    """The nft verdict or statement. In the NAT tables `accept` leaves a packet as it is."""

    ACCEPT = "accept", _("accept")
    DROP = "drop", _("drop")
    REJECT = "reject", _("reject")
    DNAT = "dnat", _("translate")
    SNAT = "snat", _("translate")
    MASQUERADE = "masquerade", _("masquerade")


ACTIONS: Final = {
    Table.FORWARD: (Action.ACCEPT, Action.DROP, Action.REJECT),
    Table.INPUT: (Action.ACCEPT, Action.DROP, Action.REJECT),
    Table.DNAT: (Action.DNAT, Action.ACCEPT),
    Table.SNAT: (Action.MASQUERADE, Action.SNAT, Action.ACCEPT),
}


class Named(models.Model):
    """`search` is the name casefolded: SQLite's own folding stops at ASCII."""

    name = models.CharField(max_length=80)
    search = models.CharField(max_length=160, unique=True, editable=False)

    class Meta:
        abstract = True
        ordering: ClassVar = ["search"]

    def __str__(self) -> str:
        return self.name

    def save(self, **options: Any) -> None:
        self.search = self.name.casefold()
        super().save(**options)


class AddressObject(Named):
    """`value` is canonical: `192.168.0.2`, `192.168.0.0/24`, `192.168.0.10-192.168.0.12`, `sip.example.net` with its
    `lookup`, `AT,CH,DE` (`negated`: everywhere else), "" for a group. What a name or a country holds is no part of it.
    """

    kind = models.CharField(max_length=8, choices=AddressKind.choices)
    value = models.CharField(max_length=1000, blank=True)
    lookup = models.CharField(max_length=8, choices=Lookup.choices, blank=True)
    negated = models.BooleanField(default=False)
    members = models.ManyToManyField("self", symmetrical=False, related_name="groups", blank=True)

    @property
    def lookup_key(self) -> str:
        """Under which `Content` holds what a DNS name resolved to."""
        return f"{self.lookup}:{self.value}"


class Service(Named):
    """`ports` is canonical: `5060`, `5060,16384-32767`, "" for every port. `number` is IANA's of another protocol."""

    protocol = models.CharField(max_length=8, choices=Protocol.choices)
    number = models.PositiveSmallIntegerField(null=True, blank=True)
    ports = models.CharField(max_length=200, blank=True)
    members = models.ManyToManyField("self", symmetrical=False, related_name="groups", blank=True)
    application = models.CharField(max_length=8, choices=Application.choices, blank=True)


class Schedule(Named):
    """Every week on `weekdays` (0 is Monday) from `begin` to `end`; an end before the begin is on the next day."""

    weekdays = models.JSONField(default=list)
    begin = models.TimeField()
    end = models.TimeField()
    timezone = models.CharField(max_length=60, default="UTC")

    @property
    def days(self) -> str:
        return ", ".join(str(WEEKDAYS_ABBR[day]) for day in self.weekdays)


class Rule(models.Model):
    """Null objects and empty zones mean any. The first rule of a table that matches decides.

    Rules with the same `section` stand together. `expired_at` is when it was seen to be past `until`.
    """

    table = models.CharField(max_length=8, choices=Table.choices, default=Table.FORWARD)
    section = models.CharField(max_length=80, blank=True)
    position = models.PositiveIntegerField(db_index=True)
    name = models.CharField(max_length=80)
    enabled = models.BooleanField(default=True)
    source = models.ForeignKey(AddressObject, models.PROTECT, null=True, blank=True, related_name="source_rules")
    destination = models.ForeignKey(
        AddressObject, models.PROTECT, null=True, blank=True, related_name="destination_rules"
    )
    service = models.ForeignKey(Service, models.PROTECT, null=True, blank=True, related_name="rules")
    from_zone = models.CharField(max_length=12, choices=Role.choices, blank=True)
    to_zone = models.CharField(max_length=12, choices=Role.choices, blank=True)
    action = models.CharField(max_length=10, choices=Action.choices)
    target = models.ForeignKey(AddressObject, models.PROTECT, null=True, blank=True, related_name="target_rules")
    target_port = models.PositiveIntegerField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)
    schedule = models.ForeignKey(Schedule, models.PROTECT, null=True, blank=True, related_name="rules")
    tags = models.JSONField(default=list, blank=True)
    log = models.BooleanField(default=False)
    prepared = models.BooleanField(default=False, help_text=_("a technician may start it for a time"))
    comment = models.CharField(max_length=500, blank=True)
    created = models.DateTimeField(default=timezone.now)
    changed = models.DateTimeField(auto_now=True)
    changed_by = models.CharField(max_length=150, blank=True)
    version = models.PositiveIntegerField(default=1)

    class Meta:
        ordering: ClassVar = ["table", "position"]

    def __str__(self) -> str:
        return self.name


class ActivationKind(models.TextChoices):
    RULE = "rule", _("rule")
    EXEMPTION = "exemption", _("exemption from the ALG")
    MAINTENANCE = "maintenance", _("remote maintenance")


class ActivationState(models.TextChoices):
    ASKED = "asked", _("being started")
    ACTIVE = "active", _("active")
    ENDED = "ended", _("ended")
    FAILED = "failed", _("failed")


class Activation(models.Model):
    """What acts at once on top of the running revision. `ends` is null where it acts until somebody lifts it.

    It holds what it needs: `rule` is a ruleset.policy.Rule and `values` are addresses, frozen at the start. An
    exemption follows the object `address_row` for as long as that exists. What is of another `boot` is not renewed.
    """

    node = models.CharField(max_length=40, default=names.NODE)
    kind = models.CharField(max_length=12, choices=ActivationKind.choices)
    name = models.CharField(max_length=160)
    rule = models.JSONField(null=True, blank=True)
    address_row = models.BigIntegerField(null=True, blank=True)
    values = models.JSONField(default=list, blank=True)
    reason = models.CharField(max_length=500)
    started = models.DateTimeField(default=timezone.now)
    started_by = models.CharField(max_length=150)
    ends = models.DateTimeField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=ActivationState.choices, default=ActivationState.ASKED)
    ended = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(max_length=150, blank=True)
    error = models.TextField(blank=True)
    boot = models.CharField(max_length=36, blank=True)

    class Meta:
        ordering: ClassVar = ["-started"]

    def __str__(self) -> str:
        return self.name

    @property
    def acts(self) -> bool:
        """Or is about to."""
        return self.state in (ActivationState.ASKED, ActivationState.ACTIVE)

    @property
    def rule_row(self) -> int | None:
        """Of the rule that it started."""
        return (self.rule or {}).get("id") or None


class Hits(models.Model):
    """What the kernel counted for a rule since `since`; `seen_…` are its counters as last read.

    `days` are packets by day (UTC, `2026-11-28`), of the last eight that had any. `connections` are those that the rule
    decides about or translates, as of `connections_at`.
    """

    rule_id = models.BigIntegerField(primary_key=True)
    packets = models.BigIntegerField(default=0)
    octets = models.BigIntegerField(default=0)
    since = models.DateTimeField(default=timezone.now)
    last = models.DateTimeField(null=True, blank=True)
    seen_packets = models.BigIntegerField(default=0)
    seen_octets = models.BigIntegerField(default=0)
    days = models.JSONField(default=dict)
    connections = models.PositiveIntegerField(null=True, blank=True)
    connections_at = models.DateTimeField(null=True, blank=True)


class ListColumns(models.Model):
    """What somebody wants to see in the list of rules: columns, and filters by name. No configuration, a taste."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, primary_key=True, related_name="+")
    shown = models.JSONField(default=list)
    filters = models.JSONField(default=dict)


# --- What objects that move hold: no configuration, and never part of a revision ---


class Content(models.Model):
    """Of one lookup (`srv:_sip._udp.example.net`): ruleset.resolution.Held, by the clock of the machine."""

    lookup = models.CharField(max_length=280, unique=True)
    seen = models.JSONField(default=dict)
    refused = models.JSONField(default=list)
    refreshed = models.FloatField(null=True, blank=True)
    due = models.FloatField(default=0, db_index=True)
    failures = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=20, blank=True)

    def __str__(self) -> str:
        return self.lookup


class ContentChange(models.Model):
    """The log of what a lookup gained and lost; the last hundred of each are kept."""

    lookup = models.CharField(max_length=280, db_index=True)
    at = models.DateTimeField(default=timezone.now)
    added = models.JSONField(default=list)
    removed = models.JSONField(default=list)

    class Meta:
        ordering: ClassVar = ["-pk"]


class NameServers(models.Model):
    """Whom to ask for names, `192.0.2.53` or `[2001:db8::53]:5353`; none: those of the machine. There is one row."""

    servers = models.JSONField(default=list, blank=True)


class CountryData(models.Model):
    """One edition of the country data. One is `active`; another may wait for the operator's look at what changes."""

    source = models.CharField(max_length=160)
    published = models.DateField()
    licence = models.TextField(blank=True)
    active = models.BooleanField(default=False)
    imported = models.DateTimeField(default=timezone.now)
    imported_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"{self.source} ({self.published.isoformat()})"


class CountryRanges(models.Model):
    """A country's addresses, packed as ruleset.spans does."""

    data = models.ForeignKey(CountryData, models.CASCADE, related_name="countries")
    code = models.CharField(max_length=2)
    ip = models.BinaryField(default=bytes)
    ip6 = models.BinaryField(default=bytes)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["data", "code"], name="country_once_per_edition")]
