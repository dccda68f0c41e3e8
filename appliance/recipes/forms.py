# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions of each recipe, and the table of recipes: name, words, questions, plan."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appliance.recipes import office, telephony
from appliance.recipes.plans import Impossible, Plan
from appliance.recipes.words import REFUSALS
from appliance.ui.forms import MomentInput, OperatorForm

_PROTOCOLS: Final = [("tcp", "TCP"), ("udp", "UDP"), ("both", _("UDP and TCP"))]


def _text(label: Any, help_text: Any = "", *, initial: str = "", countries: bool = False) -> forms.CharField:
    """With `countries` the browser suggests their names (static/js/countries.js)."""
    names = {"data-names": "country-names"} if countries else {}
    return forms.CharField(
        label=label, required=False, max_length=200, help_text=help_text, initial=initial,
        widget=forms.TextInput(attrs=names),
    )  # fmt: skip


def _pbx() -> forms.CharField:
    return _text(_("Address of the telephone system"), _("As it is inside: 192.168.0.2."))


def _source() -> forms.CharField:
    return _text(_("From where"), _("Address, network, DNS name, or a country, such as Germany or DE."), countries=True)


def _anybody() -> forms.BooleanField:
    return forms.BooleanField(
        label=_("Anybody may come, from the whole Internet"), required=False,
        help_text=_("Change only if callers come from anywhere: whoever scans the Internet finds it within hours."),
    )  # fmt: skip


def _until(help_text: Any) -> forms.DateTimeField:
    return forms.DateTimeField(label=_("Until"), required=False, widget=MomentInput(), help_text=help_text)


def _to_come(until: datetime | None) -> datetime | None:
    if until and until <= timezone.now():
        raise ValidationError(_("The end time is in the past. The rule would never be active."))
    return until


def _server() -> forms.CharField:
    return _text(_("Server of the provider"), _("sip.example.net, or addresses."))


def _speech() -> forms.CharField:
    return _text(
        _("Ports of speech outwards"), _("Change only if the provider names a smaller range."), initial="1024-65535"
    )  # fmt: skip


class Questions(OperatorForm):
    def take(self, error: ValidationError) -> None:
        """A refusal at its question."""
        for field, texts in (error.message_dict if hasattr(error, "error_dict") else {"": error.messages}).items():
            self.add_error(field if field in self.fields else None, texts)


class WithAlgQuestions(Questions):
    pbx = _pbx()
    server = _server()
    media_from = _text(_("Where its speech comes from (optional)"), _("As the provider says; empty: from the server."))
    symmetric = forms.BooleanField(
        label=_("The provider sends speech from the port that it announces"), required=False, initial=True,
        help_text=_("Nearly all do (symmetric RTP). Change only if the provider says that it does not."),
    )  # fmt: skip


class WithoutAlgQuestions(Questions):
    pbx = _pbx()
    server = _server()
    speech = _speech()


class EncryptedQuestions(Questions):
    pbx = _pbx()
    server = _text(
        _("Server of the provider"), _("A DNS name; where there is none, a country, such as Germany or DE."),
        countries=True,
    )  # fmt: skip
    stun = _text(
        _("STUN server (optional)"), _("Tells the telephone system its outside address; the provider names it.")
    )
    speech = _speech()


class AsymmetricQuestions(Questions):
    pbx = _pbx()
    ports = _text(_("RTP ports of the telephone system"), _("As it is set there: 10000-10100."))
    source = _source()


class ExternalQuestions(Questions):
    meant_for = dict.fromkeys(("port", "speech", "source", "anybody"), ("how", "sips"))

    how = forms.ChoiceField(
        label=_("How they come in"), choices=[("vpn", _("by VPN (advised)")), ("sips", _("by SIPS and SRTP"))],
        help_text=_("Plain SIP from outside is not offered: it is scanned for all the time."),
    )  # fmt: skip
    pbx = _pbx()
    port = forms.IntegerField(
        label=_("Port"), initial=5061, min_value=1, max_value=65535, required=False,
        help_text=_("Change only if the telephone system takes SIPS elsewhere."),
    )  # fmt: skip
    speech = _text(_("RTP ports of the telephone system"), _("As it is set there: 10000-10100."))
    source = _source()
    anybody = _anybody()

    def clean_port(self) -> int:
        return self.cleaned_data["port"] or 5061


class MaintenanceQuestions(Questions):
    pbx = _pbx()
    port = forms.IntegerField(
        label=_("Port"), initial=443, min_value=1, max_value=65535,
        help_text=_("Change only if its maintenance page is not on https."),
    )  # fmt: skip
    until = _until(_("Then it closes by itself, open connections as well."))
    source = _source()
    anybody = _anybody()

    def clean_until(self) -> Any:
        return _to_come(self.cleaned_data["until"])


class OutwardsQuestions(Questions):
    what = forms.ChoiceField(
        label=_("What may be reached"), initial="usual",
        choices=[("usual", _("the usual: web, mail, names, time")), ("all", _("everything"))],
        help_text=_("Change only if programs of the office need other ports, too."),
    )  # fmt: skip
    source = _text(_("By whom (optional)"), _("An address or a network inside. Empty: all internal networks."))


class ServerQuestions(Questions):
    server = _text(_("Address of the server"), _("As it is inside: 192.168.0.20."))
    protocol = forms.ChoiceField(
        label=_("Protocol"), choices=_PROTOCOLS, help_text=_("TCP for the web and most others.")
    )
    ports = _text(_("Ports"), _("443 for a web server; several with commas, or a range such as 8000-8010."))
    source = _source()
    anybody = _anybody()
    until = _until(_("Empty: without an end. With one it closes by itself, open connections as well."))

    def clean_until(self) -> Any:
        return _to_come(self.cleaned_data["until"])


class VendorQuestions(Questions):
    app = _text(_("Name of the app"), _("The rule is called after it."))
    pbx = _pbx()
    protocol = forms.ChoiceField(label=_("Protocol"), choices=_PROTOCOLS, help_text=_("As the maker says."))
    ports = _text(_("Ports"), _("As the maker says: 443, or 10000-10100."))
    source = _source()
    anybody = _anybody()


@dataclass(frozen=True)
class Recipe:
    label: Promise
    about: Promise
    form: type[Questions]
    answers: Callable[..., Any]
    cook: Callable[[Any], Plan]
    help: str = ""  # page of appliance.help

    def plan(self, cleaned: dict[str, Any]) -> Plan:
        """Raise ValidationError at the question."""
        try:
            return self.cook(self.answers(**cleaned))
        except Impossible as error:
            raise ValidationError({error.field: [str(REFUSALS[error.code])]}, code=error.code) from error


RECIPES: Final = {
    "pbx": Recipe(
        _("Telephone system with the ALG"), _("One rule; the ALG opens what each call needs. The usual case."),
        WithAlgQuestions, telephony.WithAlg, telephony.with_alg, "openings",
    ),
    "sips": Recipe(
        _("Encrypted SIP"), _("SIPS to the provider, speech outwards, STUN; the ALG cannot read it."),
        EncryptedQuestions, telephony.Encrypted, telephony.encrypted, "encrypted-sip",
    ),
    "plain": Recipe(
        _("Telephone system without the ALG"), _("SIP and speech outwards, unchanged; it needs STUN."),
        WithoutAlgQuestions, telephony.WithoutAlg, telephony.without_alg,
    ),
    "rtp": Recipe(
        _("Provider without symmetric RTP"), _("Lets the provider's speech in to the telephone system's own ports."),
        AsymmetricQuestions, telephony.Asymmetric, telephony.asymmetric, "rtp-forwarding",
    ),
    "external": Recipe(
        _("Telephones outside"), _("By VPN, or by SIPS and SRTP. Plain SIP from the Internet is refused."),
        ExternalQuestions, telephony.External, telephony.external, "from-outside",
    ),
    "maintenance": Recipe(
        _("Remote maintenance of the telephone system"), _("For a time, from somewhere; it ends by itself."),
        MaintenanceQuestions, telephony.Maintenance, telephony.maintenance, "from-outside",
    ),
    "app": Recipe(
        _("Ports of a maker's app"), _("What an app of the telephone system's maker asks for."),
        VendorQuestions, telephony.Vendor, telephony.vendor,
    ),
    "office": Recipe(
        _("Internet for the office"), _("Web, mail, names and time for the computers inside; or everything."),
        OutwardsQuestions, office.Outwards, office.outwards,
    ),
    "server": Recipe(
        _("A server of yours, reached from outside"),
        _("A port forwarding: for one company or all, for a time or always."),
        ServerQuestions, office.Server, office.server,
    ),
}  # fmt: skip
