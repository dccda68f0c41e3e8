# SPDX-License-Identifier: GPL-2.0-or-later
"""Forms of rules, addresses and services. What is right is the services' business; here stand fields and words."""

from __future__ import annotations

import time
from datetime import timedelta
from ipaddress import ip_address
from typing import Any, Final

from django import forms
from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from appliance.firewall import queries
from appliance.firewall.models import (
    ACTIONS,
    AddressKind,
    AddressObject,
    Application,
    Lookup,
    Protocol,
    Schedule,
    Service,
    Table,
)
from appliance.firewall.services import EVERYTHING, wrong_number
from appliance.network.models import Role
from appliance.ruleset.decide import Host, Packet, packet_of
from appliance.ruleset.policy import Policy
from appliance.ui.forms import OperatorForm

_ANY_ZONE = [("", _("any side")), *Role.choices]


_AT_A_TIME: Final = "time"
_HOURS: Final = [
    ("1", _("1 hour")), ("2", _("2 hours")), ("4", _("4 hours")), ("8", _("8 hours")), ("24", _("24 hours")),
    (_AT_A_TIME, _("until a time")),
]  # fmt: skip

_NOT_IN: Final = {
    Table.FORWARD: ("target", "target_port"),
    Table.INPUT: ("to_zone", "target", "target_port"),
    Table.DNAT: ("to_zone", "log"),
    Table.SNAT: ("from_zone", "target_port", "log"),
}
"""Fields that mean nothing in a table."""


class RuleForm(OperatorForm):
    name = forms.CharField(
        label=_("Name"), required=False, max_length=80,
        help_text=_("What the rule is for, in your words; it stands in the list, the live log and the notices."),
    )  # fmt: skip
    action = forms.ChoiceField(label=_("Action"), help_text=_("What becomes of what fits this rule."))
    source: forms.ModelChoiceField[AddressObject] = forms.ModelChoiceField(
        AddressObject.objects.none(), label=_("From"), required=False, empty_label=_("anywhere"),
        help_text=_("Who begins the connection."),
    )  # fmt: skip
    from_zone = forms.ChoiceField(
        label=_("Behind"), choices=_ANY_ZONE, required=False, help_text=_("Only what comes in from that side.")
    )
    destination: forms.ModelChoiceField[AddressObject] = forms.ModelChoiceField(
        AddressObject.objects.none(), label=_("To"), required=False, empty_label=_("anywhere"),
        help_text=_("Whom it wants to reach. Answers come back by themselves."),
    )  # fmt: skip
    to_zone = forms.ChoiceField(
        label=_("Behind"), choices=_ANY_ZONE, required=False, help_text=_("Only what goes out to that side.")
    )
    service: forms.ModelChoiceField[Service] = forms.ModelChoiceField(
        Service.objects.none(), label=_("Service"), required=False, empty_label=_("everything"),
        help_text=_("Protocol and ports."),
    )  # fmt: skip
    target: forms.ModelChoiceField[AddressObject] = forms.ModelChoiceField(
        AddressObject.objects.none(), label=_("Translate to"), required=False, empty_label=_("nothing"),
        help_text=_("The address that takes the place of the old one."),
    )  # fmt: skip
    target_port = forms.IntegerField(
        label=_("Port there"), required=False, help_text=_("Empty: the port stays as it is.")
    )  # fmt: skip
    until = forms.DateTimeField(
        label=_("Active until"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("At that time the kernel ends it, for open connections as well. Empty: without end."),
    )  # fmt: skip
    schedule: forms.ModelChoiceField[Schedule] = forms.ModelChoiceField(
        Schedule.objects.none(), label=_("Schedule"), required=False, empty_label=_("always"),
        help_text=_("Days and hours of the week at which it acts. Change only if it shall not act always."),
    )  # fmt: skip
    section = forms.CharField(
        label=_("Section"), required=False, max_length=80, help_text=_("Rules of a section stand together.")
    )  # fmt: skip
    tags = forms.CharField(label=_("Tags"), required=False, max_length=400, help_text=_("Separated by commas."))
    comment = forms.CharField(
        label=_("Comment"), required=False, max_length=500, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Why the rule exists, and who asked for it."),
    )  # fmt: skip
    enabled = forms.BooleanField(
        label=_("Enabled"), required=False, initial=True,
        help_text=_("Switched off it stays in the list and does nothing."),
    )  # fmt: skip
    log = forms.BooleanField(
        label=_("Log what it decides"), required=False,
        help_text=_("What is dropped or rejected is always in the live log; with this, what is accepted is as well."),
    )  # fmt: skip
    prepared = forms.BooleanField(
        label=_("A VoIP technician may start it for a time"), required=False,
        help_text=_("Switched off, it waits until one starts it, with an end and a reason."),
    )  # fmt: skip
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, table: Table = Table.FORWARD, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in _NOT_IN[table]:
            del self.fields[name]
        choices = {
            "source": queries.addresses(), "destination": queries.addresses(), "target": queries.addresses(),
            "service": queries.services(), "schedule": queries.schedules(),
        }  # fmt: skip
        for name, rows in choices.items():
            if name in self.fields:
                self.fields[name].queryset = rows  # type: ignore[attr-defined]  # a ModelChoiceField
        actions = [(action.value, action.label) for action in ACTIONS[table]]
        self.fields["action"].choices = actions  # type: ignore[attr-defined]  # a ChoiceField
        if isinstance(self.initial.get("tags"), list):
            self.initial["tags"] = ", ".join(self.initial["tags"])

    def clean_tags(self) -> list[str]:
        return [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]


class DurationForm(OperatorForm):
    """How long something acts, and why."""

    ALWAYS = "always"

    lasts = forms.ChoiceField(label=_("For"), initial="4", help_text=_("Then it ends by itself."))
    until = forms.DateTimeField(
        label=_("Until"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Only for “until a time”."),
    )  # fmt: skip
    reason = forms.CharField(
        label=_("Why"), required=False, max_length=500, help_text=_("Stands beside it and in the audit log.")
    )  # fmt: skip

    def __init__(self, *args: Any, always: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        endless = [(self.ALWAYS, _("until somebody lifts it"))] if always else []
        self.fields["lasts"].choices = [*_HOURS, *endless]  # type: ignore[attr-defined]  # a ChoiceField

    def clean(self) -> dict[str, Any]:
        """Leaves the end in `until`, None for none."""
        values: dict[str, Any] = super().clean() or self.cleaned_data
        lasts = values.pop("lasts", None)
        if lasts == _AT_A_TIME:
            if not values.get("until") and "until" not in self.errors:
                self.add_error("until", _("Say when it ends."))
        elif lasts is not None:
            values["until"] = None if lasts == self.ALWAYS else timezone.now() + timedelta(hours=int(lasts))
        return values


class StartForm(DurationForm):
    """A rule, for a time."""


class ExemptionForm(DurationForm):
    server: forms.ModelChoiceField[AddressObject] = forms.ModelChoiceField(
        AddressObject.objects.none(), label=_("Server"), required=False, empty_label=_("every SIP server"),
        help_text=_("Its SIP passes unchanged; the ALG goes on for all others."),
    )  # fmt: skip
    values = forms.CharField(
        label=_("Or its address"), required=False, max_length=400,
        widget=forms.TextInput(attrs={"class": "form-control mono"}),
        help_text=_("Addresses, networks or ranges, separated by commas. For a name choose its object."),
    )  # fmt: skip
    field_order = ("server", "values", "lasts", "until", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, always=True, **kwargs)
        self.fields["server"].queryset = queries.addresses()  # type: ignore[attr-defined]  # a ModelChoiceField

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        typed = tuple(each.strip() for each in values.get("values", "").split(",") if each.strip())
        if values.get("server") and typed:
            self.add_error("values", _("Choose an object or type an address, not both."))
        elif not values.get("server"):
            values["values"] = typed or EVERYTHING
        else:
            values["values"] = ()
        return values


OTHER: Final = str(Protocol.OTHER)


class PacketForm(OperatorForm):
    """The first packet of a connection."""

    saddr = forms.GenericIPAddressField(
        label=_("From address"), help_text=_("Who sends first, such as 192.168.0.10."),
    )  # fmt: skip
    daddr = forms.GenericIPAddressField(
        label=_("To address"), help_text=_("As the sender writes it, before any translation."),
    )  # fmt: skip
    protocol = forms.ChoiceField(
        label=_("Protocol"),
        choices=[("udp", "UDP"), ("tcp", "TCP"), ("icmp", _("ICMP (a ping)")), (OTHER, Protocol.OTHER.label)],
        help_text=_("SIP is mostly UDP, web pages are TCP."),
    )
    number = forms.IntegerField(
        label=_("Protocol number"), required=False, min_value=0, max_value=255,
        widget=forms.NumberInput(attrs={"placeholder": "ESP 50, GRE 47"}), help_text=_("Only for another protocol."),
    )  # fmt: skip
    dport = forms.IntegerField(
        label=_("Port"), required=False, min_value=1, max_value=65535,
        help_text=_("The port that it wants to reach: 5060 for SIP."),
    )  # fmt: skip
    at = forms.DateTimeField(
        label=_("When"), required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text=_("Empty: now. Change only if a rule has an end or a schedule."),
    )  # fmt: skip
    draft = forms.BooleanField(
        label=_("Ask the draft, not what runs"), required=False,
        help_text=_("As it would be once the pending changes are applied."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        ends = [ip_address(values[name]) for name in ("saddr", "daddr") if values.get(name)]
        if len({end.version for end in ends}) > 1:
            self.add_error("daddr", _("Both addresses must be of one family."))
        if values.get("protocol") in ("udp", "tcp") and not values.get("dport"):
            self.add_error("dport", _("UDP and TCP need a port."))
        if values.get("protocol") == OTHER and "number" in values:
            wrong = wrong_number(values["number"])
            if wrong:
                self.add_error("number", wrong)
        return values

    def packet(self, policy: Policy) -> Packet:
        values = self.cleaned_data
        at = values["at"].timestamp() if values["at"] else time.time()
        saddr, daddr = ip_address(values["saddr"]), ip_address(values["daddr"])
        protocol = values["number"] if values["protocol"] == OTHER else values["protocol"]
        dport = values["dport"] if protocol in ("udp", "tcp") else None
        return packet_of(policy, saddr, daddr, protocol, dport, at)


class ReachForm(OperatorForm):
    host = forms.GenericIPAddressField(
        label=_("Address"), help_text=_("The host that somebody wants to reach, such as 192.168.0.2.")
    )  # fmt: skip
    draft = forms.BooleanField(
        label=_("Ask the draft, not what runs"), required=False,
        help_text=_("As it would be once the pending changes are applied."),
    )  # fmt: skip

    def clean_host(self) -> Host:
        return ip_address(self.cleaned_data["host"])


def _name() -> forms.CharField:
    return forms.CharField(
        label=_("Name"), required=False, max_length=80,
        help_text=_("As rules call it; another name later changes no rule."),
    )  # fmt: skip


class ObjectForm(OperatorForm):
    """Of an object that is new, or of `thing` that is there already."""

    def __init__(self, *args: Any, thing: Any = None, **kwargs: Any) -> None:
        self.thing = thing
        super().__init__(*args, **kwargs)


class ScheduleForm(ObjectForm):
    name = _name()
    weekdays = forms.TypedMultipleChoiceField(
        label=_("Days"), choices=list(WEEKDAYS.items()), coerce=int, required=False,
        widget=forms.CheckboxSelectMultiple, help_text=_("The days on which it begins."),
    )  # fmt: skip
    begin = forms.TimeField(
        label=_("From"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=_("By the clock of the time zone below."),
    )  # fmt: skip
    end = forms.TimeField(
        label=_("To"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        help_text=_("Before the begin: on the next day."),
    )  # fmt: skip
    timezone = forms.CharField(
        label=_("Time zone"), initial="UTC", max_length=60,
        help_text=_("In which these hours are meant, like Europe/Berlin; it follows summer time by itself."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """A new one is meant where its author is: the browser puts its own zone there (static/js/page.js)."""
        super().__init__(*args, **kwargs)
        if self.thing is None and not self.is_bound:
            self.fields["timezone"].widget.attrs["data-own-zone"] = True


class AddressForm(ObjectForm):
    name = _name()
    kind = forms.ChoiceField(
        label=_("Kind"), choices=AddressKind.choices, help_text=_("What the object is made of; it stays what it is."),
    )  # fmt: skip
    value = forms.CharField(
        label=_("Address, name or countries"), required=False, max_length=1000,
        widget=forms.TextInput(attrs={"class": "form-control mono", "data-names": "country-names"}),
        help_text=_(
            "192.168.0.2, 192.168.0.0/24 or 192.168.0.10-192.168.0.12, IPv6 as well; sip.example.net or "
            "_sip._udp.example.net; countries like Germany, AT, or DACH, EU, EFTA."
        ),
    )  # fmt: skip
    lookup = forms.ChoiceField(
        label=_("Look up"), required=False, choices=[("", _("as the name looks")), *Lookup.choices],
        help_text=_("Only a DNS name is looked up."),
    )  # fmt: skip
    negated = forms.BooleanField(
        label=_("Everywhere but these countries"), required=False, help_text=_("Turns the object round."),
    )  # fmt: skip
    members: forms.ModelMultipleChoiceField[AddressObject] = forms.ModelMultipleChoiceField(
        AddressObject.objects.none(),
        label=_("Members"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Only a group has members."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """The kind of an existing object stays: a host that becomes a group is another object."""
        super().__init__(*args, **kwargs)
        thing = self.thing
        held = queries.addresses().exclude(pk=thing.pk) if thing else queries.addresses()
        self.fields["members"].queryset = held  # type: ignore[attr-defined]  # a ModelMultipleChoiceField
        if thing is None:
            return
        own = _FIELDS_OF_KIND.get(AddressKind(thing.kind), ("value",))
        for name in {"kind", "value", "lookup", "negated", "members"} - set(own):
            del self.fields[name]
        for name in own:
            if name == "value":
                self.fields[name].help_text = _VALUE_HELP[AddressKind(thing.kind)]
            elif name == "members":
                self.fields[name].help_text = _("The group is all of them together.")


_FIELDS_OF_KIND: Final = {
    AddressKind.GROUP: ("members",),
    AddressKind.DNS: ("value", "lookup"),
    AddressKind.COUNTRY: ("value", "negated"),
}
"""Others have a value only."""

_VALUE_HELP: Final = {
    AddressKind.HOST: _("Like 192.168.0.2; IPv6 works as well."),
    AddressKind.NETWORK: _("Like 192.168.0.0/24; IPv6 works as well."),
    AddressKind.RANGE: _("Like 192.168.0.10-192.168.0.12; IPv6 works as well."),
    AddressKind.DNS: _("Like sip.example.net, or _sip._udp.example.net for the servers of a service."),
    AddressKind.COUNTRY: _("Names or codes, like Germany, AT, or DACH, EU, EFTA; separated by commas."),
}


class ServiceForm(ObjectForm):
    name = _name()
    protocol = forms.ChoiceField(
        label=_("Protocol"), choices=Protocol.choices, help_text=_("As the maker of the program says.")
    )  # fmt: skip
    ports = forms.CharField(
        label=_("Ports"), required=False, max_length=200, widget=forms.TextInput(attrs={"class": "form-control mono"}),
        help_text=_("5060 or 5060,16384-32767. Empty: every port."),
    )  # fmt: skip
    application = forms.ChoiceField(
        label=_("Application"), choices=Application.choices, required=False,
        help_text=_("SIP: the ALG follows the calls and opens what they need."),
    )  # fmt: skip
    number = forms.IntegerField(
        label=_("Protocol number"), required=False, help_text=_("Of another protocol (IANA): ESP is 50, GRE is 47.")
    )  # fmt: skip
    members: forms.ModelMultipleChoiceField[Service] = forms.ModelMultipleChoiceField(
        Service.objects.none(), label=_("Members"), required=False, widget=forms.CheckboxSelectMultiple,
        help_text=_("Only a group has members."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        single = queries.services().exclude(protocol=Protocol.GROUP)
        self.fields["members"].queryset = single.exclude(pk=self.thing.pk) if self.thing else single  # type: ignore[attr-defined]  # a ModelMultipleChoiceField


class ReplaceForm(OperatorForm):
    """By which object another one is replaced, wherever it stands."""

    by: forms.ModelChoiceField[Any] = forms.ModelChoiceField(
        AddressObject.objects.none(), label=_("Replace by"), empty_label=_("choose an object"),
        help_text=_("It takes the place in everything that is listed below, as a draft."),
    )  # fmt: skip

    def __init__(self, *args: Any, thing: AddressObject | Service | Schedule, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = type(thing)._default_manager.exclude(pk=thing.pk).order_by("search")
        self.fields["by"].queryset = others  # type: ignore[attr-defined]  # a ModelChoiceField


class NameServersForm(OperatorForm):
    servers = forms.CharField(
        label=_("Name servers"), required=False, max_length=400,
        widget=forms.TextInput(attrs={"class": "form-control mono"}),
        help_text=_(
            "Separated by commas, like 192.0.2.53 or [2001:db8::53]:5353. Empty: those of this machine. Change only if "
            "they do not know your provider's names."
        ),
    )  # fmt: skip

    def clean_servers(self) -> list[str]:
        return [each.strip() for each in self.cleaned_data["servers"].split(",") if each.strip()]


class CountryDataForm(OperatorForm):
    """Two fields, because a source may have two files."""

    first = forms.FileField(
        label=_("File"), allow_empty_file=True,
        help_text=_("MMDB, or CSV with first address, last address, country; or network, country."),
    )  # fmt: skip
    second = forms.FileField(
        label=_("Second file"), required=False, allow_empty_file=True, help_text=_("Where IPv6 is a file of its own.")
    )  # fmt: skip
    published = forms.DateField(
        label=_("Published on"), required=False, widget=forms.DateInput(attrs={"type": "date"}),
        help_text=_("An MMDB says so itself. Empty: today."),
    )  # fmt: skip
    licence = forms.CharField(
        label=_("Licence and attribution"), required=False, max_length=4000, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("Shown wherever the data's source is named."),
    )  # fmt: skip
