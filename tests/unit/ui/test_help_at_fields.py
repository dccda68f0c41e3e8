# SPDX-License-Identifier: GPL-2.0-or-later
"""Help stands where the question arises: each visible field of each form has a sentence, which is read with it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator

import pytest
from django import forms
from django.template.loader import render_to_string
from django.utils import translation

import appliance
from appliance.accounts.forms import SignInForm
from appliance.audit.forms import EntryFilter
from appliance.firewall.forms import AddressForm, ReplaceForm, RuleForm, ServiceForm
from appliance.firewall.models import AddressKind, AddressObject, Service, Table
from appliance.recipes.plans import Ports, Wanted
from appliance.recipes.seen import PacketSeen, SeenRuleForm
from appliance.sip.columns.settings import SETTINGS
from appliance.sip.forms import HistorySearch, QualitySearch, SettingForm
from appliance.system.forms import SelectionForm
from appliance.ui.forms import OperatorForm
from appliance.wizard.forms import MappingForm, ZonesForm

pytestmark = pytest.mark.django_db

FIELD, CHOICES = "ui/_field.html", "setup/_choices.html"

WITHOUT_HELP = {
    HistorySearch: "a filter: it changes nothing, and what it does is seen at once",
    QualitySearch: "a filter",
    EntryFilter: "a filter",
    SelectionForm: "a filter, in a row with seven others",
    PacketSeen: "is never shown: it reads an address",
    SignInForm: "name and password; who has none reads below what to do",
}

MADE = {
    ReplaceForm: lambda: [ReplaceForm(thing=AddressObject(pk=1, name="PBX", kind=AddressKind.HOST))],
    RuleForm: lambda: [RuleForm(table=table) for table in Table],
    AddressForm: lambda: [
        AddressForm(),
        *(AddressForm(thing=AddressObject(pk=1, name="x", kind=kind)) for kind in AddressKind),
    ],
    ServiceForm: lambda: [ServiceForm(), ServiceForm(thing=Service(pk=1, name="x"))],
    SeenRuleForm: lambda: [
        SeenRuleForm(packet=Wanted(Table.FORWARD, None, None, Ports("UDP 1", "udp", "1"), "", "", None))
    ],
    SettingForm: lambda: [SettingForm(setting=each, value=each.default) for each in SETTINGS.values()],
    MappingForm: lambda: [MappingForm(parts=[("lan0", "internal")], here=["eth0"])],
    ZonesForm: lambda: [ZonesForm(roles={"lan0": "internal"})],
}
"""How a form is made that needs more than nothing, in each of its shapes."""


def _every_form() -> list[type[forms.BaseForm]]:
    for found in pkgutil.walk_packages(appliance.__path__, "appliance."):
        if found.name.endswith((".forms", ".seen")) or ".forms." in found.name:
            importlib.import_module(found.name)

    def below(kind: type[forms.BaseForm]) -> Iterator[type[forms.BaseForm]]:
        for each in kind.__subclasses__():
            yield each
            yield from below(each)

    own = {each for each in below(forms.BaseForm) if each.__module__.startswith("appliance.")}
    return sorted(own, key=lambda each: (each.__module__, each.__name__))


FORMS = _every_form()
TO_BE_HELPED = [each for each in FORMS if issubclass(each, OperatorForm) and each not in WITHOUT_HELP]


def test_the_walk_finds_what_there_is():
    assert len(FORMS) > 40
    assert set(WITHOUT_HELP) | set(MADE) <= set(FORMS)


def test_every_form_is_one_of_ours():
    """But the sign-in and the second factor, which are Django's and allauth's."""
    assert {each.__name__ for each in FORMS if not issubclass(each, OperatorForm)} == {"SignInForm", "AddAppForm"}


@pytest.mark.parametrize("form", TO_BE_HELPED, ids=lambda form: f"{form.__module__}.{form.__name__}")
@pytest.mark.parametrize("language", ["en", "de", "tr"])
def test_each_visible_field_has_a_sentence_that_is_read_with_it(form, language):
    with translation.override(language):
        for made in MADE.get(form, lambda: [form()])():
            for field in made.visible_fields():
                about = f"{form.__name__}.{field.name}"
                shown = render_to_string(CHOICES if field.widget_type == "radioselect" else FIELD, {"field": field})
                described = re.findall(r'aria-describedby="([^"]*)"', shown)
                assert len(described) == 1, f"{about} has no help"
                for ident in described[0].split():
                    assert ident == made.about or f'id="{ident}"' in shown, f"{about}: nothing is {ident}"
                if field.help_text:
                    assert f"{field.auto_id}_helptext" in described[0].split(), about
                    assert str(field.help_text).rstrip().endswith("."), f"{about}: a sentence ends"
                else:
                    assert made.about, f"{about} has no help"


@pytest.mark.parametrize("form", [each for each in TO_BE_HELPED if each.meant_for], ids=lambda form: form.__name__)
def test_a_field_that_depends_on_an_answer_names_one_that_there_is(form):
    for made in MADE.get(form, lambda: [form()])():
        for name, (other, answers) in made.meant_for.items():
            if name in made.fields and other in made.fields:
                known = {str(value) for value, _label in made.fields[other].choices}
                assert answers
                assert set(answers.split()) <= known, f"{form.__name__}.{name}"
                assert made.fields[name].widget.attrs["data-meant"] == f"{other}={answers}"


def test_an_error_is_read_behind_the_help():
    form = AddressForm({"name": "x", "kind": "nonsense"})
    form.is_valid()
    assert form["kind"].aria_describedby == "id_kind_helptext id_kind_error"


@pytest.mark.parametrize(
    "path",
    [
        "/alg/settings/timers-inactive_media/", "/alg/settings/limits-rates/", "/alg/settings/handling-syntax/",
        "/alg/settings/handling-blocked_methods/",
        "/firewall/questions/", "/system/backup/", "/system/notices/", "/system/tests/", "/system/device/",
        "/accounts/people/", "/accounts/api-tokens/", "/accounts/", "/firewall/recipes/maintenance/",
    ],
)  # fmt: skip
def test_whatever_a_page_asks_is_described_by_what_stands_there(client, owner, path):
    client.force_login(owner)
    answer = client.get(path)
    assert answer.status_code == 200, path
    page = answer.content.decode()
    main = page[page.index("<main") : page.index("</main>")]
    questions = re.findall(r'<(?:input|select|textarea|fieldset)(?=[^>]*\b(?:class="(?:form-|field)))[^>]*>', main)
    loose = [each for each in questions if "aria-describedby" not in each and "aria-label" not in each]
    inside = set(re.findall(r'<input[^>]*type="(?:radio|checkbox)"[^>]*>', main))  # a fieldset says it for its choices
    assert [each for each in loose if each not in inside] == []
    named = {ident for value in re.findall(r'aria-describedby="([^"]*)"', main) for ident in value.split()}
    assert {ident for ident in named if f'id="{ident}"' not in page} == set()
    assert named, path
