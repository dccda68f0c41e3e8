# SPDX-License-Identifier: GPL-2.0-or-later
"""A service's refusal stands at the field it names, and what was typed stays."""

from django import forms
from django.core.exceptions import ValidationError

from appliance.ui.forms import OperatorForm


class NoteForm(OperatorForm):
    title = forms.CharField(required=False)
    kind = forms.ChoiceField(choices=[("a", "A")])


def refuse(error):
    def verb(values):
        raise error

    return verb


def test_accepted_calls_the_service_with_the_values():
    seen = []
    assert NoteForm({"title": "x", "kind": "a"}).accepted(seen.append)
    assert seen == [{"title": "x", "kind": "a"}]


def test_invalid_form_never_reaches_the_service():
    assert not NoteForm({"kind": "b"}).accepted(refuse(AssertionError("called")))


def test_refusal_stands_at_its_field():
    form = NoteForm({"title": "x", "kind": "a"})
    assert not form.accepted(refuse(ValidationError({"title": ["Taken."]})))
    assert form.errors == {"title": ["Taken."]}
    assert form["title"].value() == "x"


def test_refusal_of_an_unknown_field_stands_above_the_form():
    form = NoteForm({"title": "x", "kind": "a"})
    assert not form.accepted(refuse(ValidationError({"version": ["Anna was faster."]})))
    assert form.non_field_errors() == ["Anna was faster."]


def test_plain_refusal_stands_above_the_form():
    form = NoteForm({"title": "x", "kind": "a"})
    assert not form.accepted(refuse(ValidationError("No.")))
    assert form.non_field_errors() == ["No."]
