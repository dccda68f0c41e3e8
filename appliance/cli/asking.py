# SPDX-License-Identifier: GPL-2.0-or-later
"""What a verb is, and how its answer is printed: as JSON values, or as lines and tables for people."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from pathlib import Path
from typing import Any, Final, TypeVar

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.utils.dateparse import parse_datetime
from django.utils.html import strip_tags
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from appliance.backup import document
from appliance.firewall.models import AddressObject, Named, Rule, Schedule, Service
from appliance.ruleset import country_data

ACTOR: Final = "command line"
LARGEST_FILE: Final = max(document.LARGEST, country_data.LARGEST)
"""Bytes; who reads it judges it."""
_NOTHING: Final = "–"
Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Verb:
    """`ask` returns JSON values, or bytes that go to the output as they are."""

    name: str
    about: str
    ask: Callable[[Namespace], Any]
    arguments: Callable[[ArgumentParser], object] = lambda parser: parser


def printed(answer: Any, *, as_json: bool) -> str:
    if as_json:
        return json.dumps(answer, cls=DjangoJSONEncoder, indent=2, ensure_ascii=False)
    return "\n".join(_lines(answer))


def _lines(answer: Any) -> Iterator[str]:
    if isinstance(answer, Mapping):
        yield from (f"{_heading(name)}: {_word(value)}" for name, value in answer.items())
    elif isinstance(answer, Sequence) and not isinstance(answer, str):
        yield from _table(answer) if answer and isinstance(answer[0], Mapping) else map(_word, answer)
    else:
        yield _word(answer)


def _table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Aligned below the names of its columns; a column that is empty in each row is left out."""
    words = [{name: _word(value) for name, value in row.items()} for row in rows]
    columns = list(dict.fromkeys(name for row in words for name, word in row.items() if word != _NOTHING))
    lines = [[_heading(name) for name in columns], *([row.get(name, _NOTHING) for name in columns] for row in words)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        yield "  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip()


def _heading(name: str) -> str:
    return name.replace("_", " ")


def _word(value: Any) -> str:
    match value:
        case None | "" | [] | () | {}:
            return _NOTHING
        case bool():
            return _("yes") if value else _("no")
        case datetime():
            return value.isoformat(sep=" ", timespec="seconds")
        case Mapping():
            return ", ".join(f"{_heading(str(name))} {_word(each)}" for name, each in value.items())
        case list() | tuple():
            return ", ".join(map(_word, value))
        case SafeString():
            return unescape(strip_tags(value))
    return str(value)


def refused(error: ValidationError) -> str:
    """`field: what is wrong`, a line each."""
    fields = error.message_dict if hasattr(error, "error_dict") else {"": error.messages}
    return "\n".join(": ".join(filter(None, (field, text))) for field, texts in fields.items() for text in texts)


# --- What was asked ---


def given(asked: Namespace, *fields: str) -> dict[str, Any]:
    """What was said; the rest stays as it is."""
    return {field: value for field in fields if (value := getattr(asked, field)) is not None}


def moment(field: str, text: str) -> datetime:
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise ValidationError({field: [_("Write the end with its zone: 2026-12-24T18:00+00:00.")]})
    return found


def file_content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise ValidationError({"file": [str(error)]}) from error


# --- Things by their names ---


def there(find: Callable[[str, Any], Thing | None], field: str, name: Any) -> Thing:
    """What `find` finds; missing is an error."""
    found = find(field, name)
    if found is None:
        raise ValidationError({field: [_("There is no object “%s”. Create it first.") % name]})
    return found


def address(field: str, name: str | None) -> AddressObject | None:
    found: AddressObject | None = _named(AddressObject, field, name)
    return found


def service(field: str, name: str | None) -> Service | None:
    found: Service | None = _named(Service, field, name)
    return found


def schedule(field: str, name: str | None) -> Schedule | None:
    found: Schedule | None = _named(Schedule, field, name)
    return found


def rule(field: str, number: int | None) -> Rule | None:
    """By its id."""
    if number is None:
        return None
    found = Rule.objects.filter(pk=number).first()
    if found is None:
        raise ValidationError({field: [_("There is no rule with this id.")]})
    return found


def _named(model: Any, field: str, name: str | None) -> Any:
    if name is None:
        return None
    kind: type[Named] = model
    found = kind._default_manager.filter(search=name.casefold()).first()
    if found is None:
        raise ValidationError({field: [_("There is no object “%s”. Create it first.") % name]})
    return found
