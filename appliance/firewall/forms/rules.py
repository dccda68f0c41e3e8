# SPDX-License-Identifier: GPL-2.0-or-later
"""The fields of rules, of what acts for a time, and of an exemption."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from appliance.firewall import queries
from appliance.firewall.forms import typed
from appliance.firewall.forms.typed import TYPED, ObjectField, typed_field
from appliance.firewall.models import ACTIONS, Action, AddressObject, Schedule, Service, Table
from appliance.firewall.services import EVERYTHING
from appliance.network.models import Role
from appliance.recipes.plans import Impossible
from appliance.recipes.words import REFUSALS
from appliance.ui.forms import MomentInput, OperatorForm

_ANY_ZONE = [("", _("any side")), *Role.choices]
_ADDRESS_HELP: Final = _(
    "192.168.0.2, 192.168.0.0/24, sip.example.net, or a country such as Germany. It becomes an object of its own."
)

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

_SAID: Final = {
    Table.DNAT: {
        "destination": (_("Arriving at"), _("any address of this device"),
                        _("Change only if one of several outside addresses is meant.")),
        "target": (_("Forward to"), _("nobody"), _("The host inside that gets it.")),
    },
    Table.SNAT: {"target": (_("Leaves as"), _("nothing"), _("The address that takes the place of the old one."))},
}  # fmt: skip
"""Label, the choice of nothing, and help, where a table means something of its own by a field."""


class RuleForm(OperatorForm):
    """Leaves no `*_typed` in what it has cleaned: what was typed stands in the place of what was not chosen."""

    meant_for = {f"{name}_typed": (name, TYPED) for name in ("source", "destination", "target", "service")}

    name = forms.CharField(
        label=_("Name"), required=False, max_length=80,
        help_text=_("What the rule is for, in your words; it stands in the list, the live log and the notices."),
    )  # fmt: skip
    action = forms.ChoiceField(label=_("Action"), help_text=_("What becomes of what fits this rule."))
    source = ObjectField(
        AddressObject.objects.none(), label=_("From"), required=False, empty_label=_("anywhere"),
        help_text=_("Who begins the connection."),
    )  # fmt: skip
    source_typed = typed_field(_("The address, typed"), _ADDRESS_HELP)
    from_zone = forms.ChoiceField(
        label=_("Behind"), choices=_ANY_ZONE, required=False, help_text=_("Only what comes in from that side.")
    )
    destination = ObjectField(
        AddressObject.objects.none(), label=_("To"), required=False, empty_label=_("anywhere"),
        help_text=_("Whom it wants to reach. Answers come back by themselves."),
    )  # fmt: skip
    destination_typed = typed_field(_("The address, typed"), _ADDRESS_HELP)
    to_zone = forms.ChoiceField(
        label=_("Behind"), choices=_ANY_ZONE, required=False, help_text=_("Only what goes out to that side.")
    )
    service = ObjectField(
        Service.objects.none(), label=_("Service"), required=False, empty_label=_("everything"),
        help_text=_("Protocol and ports."),
    )  # fmt: skip
    service_typed = typed_field(
        _("The ports, typed"),
        _("443 is TCP; else with its protocol: udp 5060, both 53, tcp 8000-8010. It becomes a service of its own."),
    )
    target = ObjectField(
        AddressObject.objects.none(), label=_("Translate to"), required=False, empty_label=_("nothing"),
        help_text=_("The address that takes the place of the old one."),
    )  # fmt: skip
    target_typed = typed_field(_("The address, typed"), _ADDRESS_HELP)
    target_port = forms.IntegerField(
        label=_("Port there"), required=False, help_text=_("Empty: the port stays as it is.")
    )  # fmt: skip
    until = forms.DateTimeField(
        label=_("Active until"), required=False,
        widget=MomentInput(),
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
            self.fields.pop(f"{name}_typed", None)
        choices = {
            "source": queries.addresses(), "destination": queries.addresses(), "target": queries.addresses(),
            "service": queries.services(), "schedule": queries.schedules(),
        }  # fmt: skip
        for name, rows in choices.items():
            if name in self.fields:
                self.fields[name].queryset = rows  # type: ignore[attr-defined]  # a ModelChoiceField
        for name, (label, nothing, help_text) in _SAID.get(table, {}).items():
            field = self.fields[name]
            field.label, field.help_text = label, help_text
            field.empty_label = nothing  # type: ignore[attr-defined]  # a ModelChoiceField
        actions = [(action.value, _("forward") if action == Action.DNAT else action.label) for action in ACTIONS[table]]
        self.fields["action"].choices = actions  # type: ignore[attr-defined]  # a ChoiceField
        if isinstance(self.initial.get("tags"), list):
            self.initial["tags"] = ", ".join(self.initial["tags"])

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        for name, (chosen, _word) in self.meant_for.items():
            text = values.pop(name, "")
            if values.get(chosen) != TYPED:
                continue
            try:
                values[chosen] = typed.service(text) if chosen == "service" else typed.address(text)
            except Impossible as error:
                values[chosen] = None
                self.add_error(name, REFUSALS[error.code])
        return values

    def clean_tags(self) -> list[str]:
        return [tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()]


class DurationForm(OperatorForm):
    """How long something acts, and why."""

    ALWAYS = "always"
    meant_for = {"until": ("lasts", _AT_A_TIME)}

    lasts = forms.ChoiceField(label=_("For"), initial="4", help_text=_("Then it ends by itself."))
    until = forms.DateTimeField(
        label=_("Until"), required=False,
        widget=MomentInput(),
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
