# SPDX-License-Identifier: GPL-2.0-or-later
"""What all forms of the console share: looks by widget, help that is read with its field, and a service's refusal
shown at the field it names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError


class MomentInput(forms.DateTimeInput):
    """To the minute; UTC to us, and the reader's own zone in the page (static/js/page.js)."""

    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%dT%H:%M")


class OperatorField(forms.BoundField):
    form: OperatorForm

    @property
    def aria_describedby(self) -> str | None:
        """What explains the whole form, then what Django names: its own help, and its errors."""
        own: str | None = super().aria_describedby
        return " ".join(each for each in (self.form.about, own) if each) or None


class OperatorForm(forms.Form):
    """Each field has a sentence of help, or `about` is the id of what explains all of them."""

    about = ""
    ids: ClassVar[str] = "id_%s"
    """How its fields are called in the page; of two forms with a field of one name on a page, one has other words."""

    meant_for: ClassVar[dict[str, tuple[str, str]]] = {}
    """Fields that mean something for some answers to another field only, as its name and those answers: the page hides
    them elsewhere (static/js/page.js); without its script all are there."""

    bound_field_class = OperatorField
    use_required_attribute = False  # the sentence at the field says more than the browser's bubble

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("auto_id", self.ids)
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self._dress()

    def _dress(self) -> None:
        """The looks of every field; once more where a form adds fields of its own."""
        for field in self.fields.values():
            field.widget.attrs.setdefault("class", _css_class(field.widget))
            field.widget.attrs.setdefault("autocomplete", "off")
        for name, (other, answers) in self.meant_for.items():
            if name in self.fields and other in self.fields:
                self.fields[name].widget.attrs["data-meant"] = f"{other}={answers}"

    def accepted(self, verb: Callable[[dict[str, Any]], object]) -> bool:
        """Call the service with the cleaned values; say whether it did its work. Refusals become errors of the form."""
        if not self.is_valid():
            return False
        try:
            verb(self.cleaned_data)
        except ValidationError as error:
            for field, messages in _by_field(error).items():
                shown = field in self.fields and not self[field].is_hidden
                self.add_error(field if shown else None, messages)
            return False
        return True


def _by_field(error: ValidationError) -> dict[str, list[str]]:
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}


def _css_class(widget: forms.Widget) -> str:
    if isinstance(widget, forms.CheckboxInput | forms.RadioSelect):
        return "form-check-input"
    return "form-select" if isinstance(widget, forms.Select) else "form-control"
