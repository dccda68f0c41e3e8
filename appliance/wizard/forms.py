# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions of the first-run wizard, one form a step. What was answered before stands in it again."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appliance.network.models import Role
from appliance.sip.queries import templates
from appliance.system.forms import RestoreForm
from appliance.ui.forms import OperatorForm
from appliance.wizard.looking import Neighbour

TYPED: Final = "typed"
NONE: Final = "none"

MODES: Final = {
    "alg": (
        _("ALG (recommended)"),
        _("The firewall reads SIP, announces its own address in the telephone system's place, and opens exactly the "
          "ports of each call. No port forwarding, no STUN."),
    ),
    "sips": (
        _("Encrypted SIP (SIPS)"),
        _("Nobody on the way can read it, so the ALG opens nothing: rules for SIPS and for speech outwards are "
          "drafted, and the telephone system must know its outside address (STUN)."),
    ),
    "plain": (
        _("ALG off for this server"),
        _("SIP passes unchanged. Choose it only where the provider or the telephone system asks for it: then STUN, or "
          "a forwarding for speech, is up to the telephone system."),
    ),
}  # fmt: skip
"""How calls pass: by the word that the answer holds, name and consequence. The words are names of recipes, "alg" is
"pbx"."""

NOTHING: Final = "nothing"
OUTWARDS: Final = {
    "usual": (
        _("the usual: web, mail, names, time (recommended)"),
        _("What computers and telephones ask for every day. A program that needs other ports gets a rule of its own."),
    ),
    "all": (
        _("everything"),
        _("Convenient, and a computer that was taken over uses it as well."),
    ),
    NOTHING: (
        _("nothing but telephony"),
        _("Computers inside do not reach the Internet through this firewall until a rule lets them."),
    ),
}  # fmt: skip
"""What may be reached from inside: by the word that the answer holds, name and consequence."""


class StepForm(OperatorForm):
    """What its step says first is said of each of its fields (templates/setup/step.html)."""

    about = "step-about"


class NoQuestions(StepForm):
    """For steps that only show something."""


class LookForm(StepForm):
    language = forms.ChoiceField(
        label=_("Language"), widget=forms.RadioSelect,
        choices=[("en", "English"), ("de", "Deutsch"), ("tr", "Türkçe")],
    )  # fmt: skip

    def clean_language(self) -> str:
        language: str = self.cleaned_data["language"]
        if language not in dict(settings.LANGUAGES):
            raise ValidationError(gettext("Choose one of the languages."))
        return language


class WayForm(StepForm):
    way = forms.ChoiceField(
        label=_("How to begin"), widget=forms.RadioSelect, initial="new",
        choices=[("new", _("New: set this firewall up now")), ("restore", _("Restore from a backup"))],
    )  # fmt: skip


class UploadForm(RestoreForm, StepForm):
    """A file that was looked into is not asked for again (WCAG 3.3.7)."""

    def __init__(self, *args: Any, kept: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kept = kept
        self.fields["file"].required = not kept

    def clean_file(self) -> Any:
        return super().clean_file() if self.cleaned_data.get("file") else None


class MappingForm(StepForm):
    """Which interface of this device takes the part of which one in the file."""

    def __init__(
        self, *args: Any, parts: Sequence[tuple[str, str]], here: Sequence[str], **kwargs: Any
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        self.parts = [name for name, _role in parts]
        choices = [*((name, name) for name in here), ("", _("leave it out"))]
        for name, role in parts:
            own = [] if name in here else [(name, name)]
            self.fields[f"interface-{name}"] = forms.ChoiceField(
                label=f"{name} ({role})", required=False, choices=[*choices, *own], initial=name
            )
        self._dress()

    def mapping(self) -> dict[str, str]:
        return {name: self.cleaned_data[f"interface-{name}"] for name in self.parts}


class ZonesForm(StepForm):
    """A role for each interface that the kernel has; one at least leads outside, one inside."""

    def __init__(self, *args: Any, roles: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = list(roles)
        choices = [*Role.choices, ("", _("not used"))]
        for name, role in roles.items():
            self.fields[f"role-{name}"] = forms.ChoiceField(
                label=name, choices=choices, required=False, initial=str(role)
            )
        self._dress()

    def clean(self) -> dict[str, Any]:
        chosen = self.roles().values()
        if Role.EXTERNAL not in chosen:
            raise ValidationError(gettext("Choose the interface that leads to the Internet: “external”."))
        if not {Role.INTERNAL, Role.DMZ} & set(chosen):
            raise ValidationError(gettext("Choose at least one interface with telephones or computers: “internal”."))
        return self.cleaned_data

    def roles(self) -> dict[str, str]:
        return {name: self.cleaned_data.get(f"role-{name}", "") for name in self.names}


class InternetForm(StepForm):
    servers = forms.CharField(
        label=_("Name servers (optional)"), required=False, max_length=300,
        widget=forms.TextInput(attrs={"class": "form-control mono"}),
        help_text=_(
            "Empty: those of this machine. Several with commas: 192.0.2.53, 192.0.2.54. Change only if they do not "
            "know your provider's names."
        ),
    )  # fmt: skip

    def clean_servers(self) -> list[str]:
        text: str = self.cleaned_data["servers"]
        return [each.strip() for each in text.split(",") if each.strip()]


class OfficeForm(StepForm):
    what = forms.ChoiceField(
        label=_("What may be reached"), widget=forms.RadioSelect, initial="usual",
        choices=[(word, label) for word, (label, _consequence) in OUTWARDS.items()],
    )  # fmt: skip


class PhonesForm(StepForm):
    """One of the hosts found, a typed address, or none. What is typed counts where nothing else is chosen above it."""

    meant_for = {"address": ("pbx", TYPED)}

    pbx = forms.ChoiceField(label=_("Phone system"), widget=forms.RadioSelect, required=False)
    address = forms.CharField(
        label=_("Its address"), required=False, max_length=45,
        widget=forms.TextInput(attrs={"class": "form-control mono"}), help_text=_("As it is inside: 192.168.0.2."),
    )  # fmt: skip

    def __init__(self, *args: Any, found: Sequence[Neighbour] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = [(TYPED, _("Another address")), (NONE, _("There is none, or not yet"))]
        self.fields["pbx"].choices = [*((each.address, each.address) for each in found), *others]  # type: ignore[attr-defined]  # a ChoiceField

    def clean(self) -> dict[str, Any]:
        chosen, typed = self.cleaned_data.get("pbx", ""), self.cleaned_data.get("address", "").strip()
        if not chosen and not typed and "pbx" not in self.errors:
            self.add_error("pbx", gettext("Choose the phone system, or say that there is none."))
        if chosen == TYPED and not typed:
            self.add_error("address", gettext("Write its address, such as 192.168.0.2."))
        if typed and chosen in ("", TYPED):
            try:
                chosen = str(ipaddress.ip_address(typed))
            except ValueError:
                self.add_error("address", gettext("Write one address, such as 192.168.0.2."))
        return {"pbx": "" if chosen in (NONE, TYPED) else chosen}


class ProviderForm(StepForm):
    template = forms.ChoiceField(
        label=_("Provider"), required=False,
        help_text=_("A template fills in what is known; check it with your provider."),
    )  # fmt: skip
    server = forms.CharField(
        label=_("Its server"), required=False, max_length=200,
        widget=forms.TextInput(attrs={"class": "form-control mono"}),
        help_text=_("sip.example.net, or addresses. Empty: what the template says."),
    )  # fmt: skip
    media_from = forms.CharField(
        label=_("Where its speech comes from (optional)"), required=False, max_length=200,
        widget=forms.TextInput(attrs={"class": "form-control mono"}),
        help_text=_("As the provider says; empty: from the server, and from where a call names."),
    )  # fmt: skip
    symmetric = forms.BooleanField(
        label=_("The provider sends speech from the port that it announces"), required=False, initial=True,
        help_text=_("Nearly all do (symmetric RTP). Change only if the provider says that it does not."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = [(key, each.name) for key, each in templates().items()]
        self.fields["template"].choices = [("", _("another provider")), *known]  # type: ignore[attr-defined]  # a ChoiceField

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        template = templates().get(cleaned.get("template") or "")
        if template is not None:
            cleaned["server"] = cleaned.get("server") or template.server
            cleaned["media_from"] = cleaned.get("media_from") or template.media_from
            if not self.data.get("server"):  # all of it is the template's
                cleaned["symmetric"] = template.symmetric_media
        if not cleaned.get("server") and "server" not in self.errors:
            self.add_error("server", gettext("Write the provider's server: sip.example.net, or an address."))
        return cleaned


class ModeForm(StepForm):
    mode = forms.ChoiceField(
        label=_("How calls pass"), widget=forms.RadioSelect, initial="alg",
        choices=[(word, label) for word, (label, _consequence) in MODES.items()],
    )  # fmt: skip
