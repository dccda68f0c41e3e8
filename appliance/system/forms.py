# SPDX-License-Identifier: GPL-2.0-or-later
"""The fields of an apply, a choice of connections, letting a finding be, backups, a certificate, notices and tests."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any, Final

from django import forms
from django.core.files.base import File
from django.utils.translation import gettext_lazy as _

from appliance import tls
from appliance.backup.sealing import LARGEST
from appliance.firewall import queries as firewall
from appliance.firewall.models import AddressKind, AddressObject, Rule
from appliance.kernel import capturing
from appliance.kernel.connections import Selection
from appliance.network.models import Role
from appliance.ruleset import notation
from appliance.ruleset.countries import codes
from appliance.system import services
from appliance.system.models import ReasonDemand
from appliance.ui.forms import MomentInput, OperatorForm


class ApplyForm(OperatorForm):
    reason = forms.CharField(
        label=_("Reason (optional)"), required=False, max_length=500,
        help_text=_("Stands beside the revision, for who asks later why."),
    )  # fmt: skip
    confirm_within = forms.IntegerField(
        label=_("Go back unless kept within (seconds)"),
        required=False,
        initial=services.DEFAULT_WINDOW,
        min_value=services.SHORTEST_WINDOW,
        max_value=services.LONGEST_WINDOW,
        help_text=_("Who is locked out by a change gets back in by waiting. Change only if you need longer to try it."),
    )

    def clean_confirm_within(self) -> int:
        return self.cleaned_data["confirm_within"] or services.DEFAULT_WINDOW

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if ReasonDemand.stands():
            self.fields["reason"].label = _("Reason")


_PROTOCOLS: Final = [("", _("any")), ("tcp", "TCP"), ("udp", "UDP"), ("icmp", "ICMP")]


class SelectionForm(OperatorForm):
    """Which connections; nothing filled in is all of them."""

    host = forms.CharField(
        label=_("Host or network"), required=False, max_length=90,
        widget=forms.TextInput(attrs={"class": "form-control mono", "placeholder": "192.168.0.2"}),
    )  # fmt: skip
    port = forms.IntegerField(label=_("Port"), required=False, min_value=1, max_value=notation.LAST_PORT)
    protocol = forms.ChoiceField(label=_("Protocol"), choices=_PROTOCOLS, required=False)
    zone = forms.ChoiceField(label=_("Zone"), choices=[("", _("any")), *Role.choices], required=False)
    address: forms.ModelChoiceField[AddressObject] = forms.ModelChoiceField(
        AddressObject.objects.none(), label=_("Object"), required=False, empty_label=_("any")
    )
    rule: forms.ModelChoiceField[Rule] = forms.ModelChoiceField(
        Rule.objects.none(), label=_("Rule"), required=False, empty_label=_("any")
    )
    old = forms.BooleanField(label=_("Only what the rules would not do so now"), required=False)
    calls = forms.BooleanField(label=_("Only media of calls"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["address"].queryset = firewall.addresses()  # type: ignore[attr-defined]  # a ModelChoiceField
        self.fields["rule"].queryset = firewall.rules()  # type: ignore[attr-defined]  # a ModelChoiceField

    def clean_host(self) -> str:
        text: str = self.cleaned_data["host"].strip()
        if not text:
            return ""
        try:
            first, last = notation.address_range(text)
        except ValueError as error:
            raise forms.ValidationError(_("Write an address, a network or a range: 192.168.0.0/24.")) from error
        return str(first) if first == last else f"{first}-{last}"

    def clean_address(self) -> AddressObject | None:
        chosen: AddressObject | None = self.cleaned_data["address"]
        if chosen and chosen.negated:
            raise forms.ValidationError(_("“%s” means everywhere else: that would be nearly all.") % chosen.name)
        return chosen

    def selection(self) -> Selection:
        values = self.cleaned_data
        chosen: AddressObject | None = values["address"]
        within, countries = _held(chosen) if chosen else (None, None)
        return Selection(
            host=values["host"], within=within, countries=countries, port=values["port"],
            protocol=values["protocol"], zone=values["zone"],
            rule=f"rule:{values['rule'].pk}" if values["rule"] else "", old=values["old"], calls=values["calls"],
        )  # fmt: skip


def _held(address: AddressObject) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """What it stands for now: addresses, those of names as they were resolved last, and countries."""
    made_of = sorted(firewall.parts(address), key=lambda each: each.pk)
    moving = (AddressKind.DNS, AddressKind.COUNTRY)
    names = [each.lookup_key for each in made_of if each.kind == AddressKind.DNS]
    countries = {code for each in made_of if each.kind == AddressKind.COUNTRY for code in codes(each.value)}
    values = (*(each.value for each in made_of if each.kind not in moving), *firewall.KnownContents().resolved(names))
    return values, tuple(sorted(countries)) or None


class IgnoreForm(OperatorForm):
    reason = forms.CharField(
        label=_("Why it may be ignored"), max_length=500, help_text=_("Stands beside the finding and in the audit log.")
    )  # fmt: skip
    until = forms.DateTimeField(
        label=_("Until"), required=False,
        widget=MomentInput(),
        help_text=_("Then the advisor reminds you of it again. Empty: never."),
    )  # fmt: skip


class BackupForm(OperatorForm):
    passphrase = forms.CharField(
        label=_("Passphrase"), required=False, max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("The file is worthless without it, to you as well. Keep it apart from the file."),
    )  # fmt: skip
    again = forms.CharField(
        label=_("Once more"), required=False, max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}), help_text=_("So that no slip locks it."),
    )  # fmt: skip

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if again != self.cleaned_data.get("passphrase"):
            raise forms.ValidationError(_("The two are not the same."))
        return again


class PlanForm(BackupForm):
    every = forms.ChoiceField(
        label=_("Made by itself"), required=False,
        choices=[("", _("never")), ("day", _("every day")), ("week", _("every week"))],
        help_text=_("The last 14 are kept on this device: download one now and then, for the day on which it is lost."),
    )  # fmt: skip
    field_order = ("every", "passphrase", "again")


class RestoreForm(OperatorForm):
    """A backup with its passphrase, or readable JSON without one."""

    ids = "id_restore_%s"

    file = forms.FileField(
        label=_("File"), max_length=200,
        help_text=_("As this or another Pinhole wrote it; you see what it would change."),
    )  # fmt: skip
    passphrase = forms.CharField(
        label=_("Passphrase"), required=False, max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=_("Empty for a configuration in JSON."),
    )  # fmt: skip

    def clean_file(self) -> File[bytes]:
        file: File[bytes] = self.cleaned_data["file"]
        if (file.size or 0) > LARGEST:
            raise forms.ValidationError(_("It is larger than any backup of this device."))
        return file


class CertificateForm(OperatorForm):
    """In PEM, as issuers send it."""

    certificate = forms.FileField(
        label=_("Certificate and chain (PEM)"), max_length=200,
        help_text=_("The console's own first, then each issuer behind what it issued."),
    )  # fmt: skip
    key = forms.FileField(
        label=_("Private key (PEM)"), max_length=200, help_text=_("Without a passphrase. It is never shown again."),
    )  # fmt: skip
    anyway = forms.BooleanField(
        label=_("Even if it does not name this console"), required=False,
        help_text=_("Browsers warn of such a certificate. Change only if the console gets that name later."),
    )  # fmt: skip

    def clean_certificate(self) -> bytes:
        return self._octets("certificate")

    def clean_key(self) -> bytes:
        return self._octets("key")

    def _octets(self, name: str) -> bytes:
        file: File[bytes] = self.cleaned_data[name]
        if (file.size or 0) > tls.LARGEST:
            raise forms.ValidationError(_("It is larger than any certificate."))
        content: bytes = file.read()
        return content


class NoticeForm(OperatorForm):
    """Whom to tell. A secret that is left empty stays."""

    before_minutes = forms.IntegerField(
        label=_("Minutes before a rule ends (0: no notice)"), min_value=0, max_value=10_080, initial=60,
        help_text=_("A rule's end is announced so long before. Change only if whoever is told needs longer to react."),
    )  # fmt: skip
    inside = forms.BooleanField(
        label=_("Receivers may be inside (private addresses)"), required=False,
        help_text=_(
            "Else only receivers in the Internet are called, so that no address typed here leads to your own hosts. "
            "Change only if your mail server, webhook or syslog server is inside."
        ),
    )  # fmt: skip
    email_to = forms.CharField(
        label=_("E-mail to"), required=False, max_length=1000, help_text=_("Several with commas.")
    )
    email_from = forms.CharField(
        label=_("Sender"), required=False, max_length=254,
        help_text=_("An address that the mail server lets this device send from."),
    )  # fmt: skip
    smtp_host = forms.CharField(
        label=_("Mail server"), required=False, max_length=253, help_text=_("Takes the mails and delivers them."),
    )  # fmt: skip
    smtp_port = forms.IntegerField(
        label=_("Its port"), min_value=1, max_value=65535, initial=587,
        help_text=_("587 with STARTTLS, 465 with TLS. Change only if the mail server listens elsewhere."),
    )  # fmt: skip
    smtp_security = forms.ChoiceField(
        label=_("Encryption"), choices=[("starttls", "STARTTLS"), ("tls", "TLS"), ("none", _("none"))],
        help_text=_("Without it the password can be read on the way. Change only if the mail server says so."),
    )  # fmt: skip
    smtp_user = forms.CharField(
        label=_("User"), required=False, max_length=200, help_text=_("Empty where the mail server asks for none."),
    )  # fmt: skip
    smtp_password = forms.CharField(
        label=_("Password (empty: as it was)"), required=False, max_length=200, widget=forms.PasswordInput,
        help_text=_("It is kept encrypted and never shown again."),
    )  # fmt: skip
    webhook_url = forms.CharField(
        label=_("Webhook"), required=False, max_length=500,
        help_text=_("An https address that gets each notice as JSON."),
    )  # fmt: skip
    webhook_secret = forms.CharField(
        label=_("Its secret (empty: as it was)"), required=False, max_length=200, widget=forms.PasswordInput,
        help_text=_("It signs each notice, so that the receiver can tell it from a forged one."),
    )  # fmt: skip
    syslog_host = forms.CharField(
        label=_("Syslog server"), required=False, max_length=253,
        help_text=_("Gets the notices, and each entry of the audit log from then on."),
    )  # fmt: skip
    syslog_port = forms.IntegerField(
        label=_("Its port"), min_value=1, max_value=65535, initial=514,
        help_text=_("Change only if the syslog server listens elsewhere."),
    )  # fmt: skip
    syslog_protocol = forms.ChoiceField(
        label=_("Protocol"), choices=[("udp", "UDP"), ("tcp", "TCP")],
        help_text=_("By UDP a notice may be lost. Change only if the syslog server takes TCP."),
    )  # fmt: skip

    def clean_email_to(self) -> list[str]:
        text: str = self.cleaned_data["email_to"]
        return [each.strip() for each in text.split(",") if each.strip()]


_HOST_NAME: Final = re.compile(
    r"(?=.{1,253}$)_?[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?(?:\._?[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)*\.?"
)


class TestForm(OperatorForm):
    """A test of the network, or a capture of headers."""

    __test__ = False  # not one of pytest's
    meant_for = {
        "port": ("kind", "options stun"), "transport": ("kind", "options"), "seconds": ("kind", services.CAPTURE),
    }  # fmt: skip

    kind = forms.ChoiceField(
        label=_("What"),
        choices=[
            ("options", _("SIP: ask a server (OPTIONS)")),
            ("dns", _("DNS: address, SRV and NAPTR of a name")),
            ("ping", _("Ping")),
            ("trace", _("Way to a host (trace)")),
            ("stun", _("STUN: under which address are we seen")),
            (services.CAPTURE, _("Capture headers of a host")),
        ],
        help_text=_("Sent from this firewall, not from your browser."),
    )
    host = forms.CharField(
        label=_("Host"), required=False, max_length=253, widget=forms.TextInput(attrs={"class": "form-control mono"}),
        help_text=_("An address or a name; for a capture an address."),
    )  # fmt: skip
    port = forms.IntegerField(
        label=_("Port"),
        required=False,
        min_value=1,
        max_value=65535,
        help_text=_("Empty: 5060 for SIP, 3478 for STUN."),
    )
    transport = forms.ChoiceField(
        label=_("Over"), required=False, choices=[("udp", "UDP"), ("tcp", "TCP")],
        help_text=_("Change only if the provider speaks SIP over TCP."),
    )  # fmt: skip
    seconds = forms.IntegerField(
        label=_("For (seconds)"), required=False, min_value=1, max_value=capturing.LONGEST,
        help_text=_("Only for a capture; at most 60 seconds and 20,000 packets."),
    )  # fmt: skip

    call = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        host = (values.get("host") or "").strip().strip("[]")
        try:
            values["host"] = str(ip_address(host))
        except ValueError:
            if values.get("kind") == services.CAPTURE:
                self.add_error("host", _("A capture needs an address, such as 192.168.0.10."))
            elif not _HOST_NAME.fullmatch(host):
                self.add_error("host", _("Enter an address or a name, such as sip.example.net."))
            values["host"] = host
        else:
            if values.get("kind") == "dns":
                self.add_error("host", _("Enter a name to look up."))
        values["port"] = values.get("port") or 0
        values["transport"] = values.get("transport") or "udp"
        values["seconds"] = values.get("seconds") or 10
        return values
