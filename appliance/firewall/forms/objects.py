# SPDX-License-Identifier: GPL-2.0-or-later
"""The fields of what rules can name: addresses, services, schedules; of name servers and of country data."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _

from appliance.firewall import queries
from appliance.firewall.models import AddressKind, AddressObject, Application, Lookup, Protocol, Schedule, Service
from appliance.ui.forms import OperatorForm


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
    meant_for = {
        "value": ("kind", " ".join(each for each in AddressKind if each != AddressKind.GROUP)),
        "lookup": ("kind", AddressKind.DNS), "negated": ("kind", AddressKind.COUNTRY),
        "members": ("kind", AddressKind.GROUP),
    }  # fmt: skip

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
    meant_for = {
        "ports": ("protocol", "udp tcp both"), "application": ("protocol", "udp tcp both"),
        "number": ("protocol", Protocol.OTHER), "members": ("protocol", Protocol.GROUP),
    }  # fmt: skip

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
