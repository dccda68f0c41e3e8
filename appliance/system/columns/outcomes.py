# SPDX-License-Identifier: GPL-2.0-or-later
"""What became of a revision, in the reader's language: netadmin and the kernel's side write it down in English.

A text is several of these sentences in a row. One that is new here is told as it was written.
"""

from __future__ import annotations

import re
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from appliance.ruleset.findings import SENTENCES as FINDINGS

UNCONFIRMED: Final = _("No confirmation within {seconds} s.")
UNDONE: Final = _("Undone by the operator.")
AGAIN: Final = _("Revision {number} is active again; your changes are kept as a draft.")
UNFINISHED: Final = _("The process that applies rules did not finish. Apply again.")
UNCHANGED: Final = _("Nothing was changed.")
NOT_APPLIED: Final = _("Nothing was applied.")

_SENTENCES: Final = (
    UNCONFIRMED,
    UNDONE,
    AGAIN,
    UNFINISHED,
    UNCHANGED,
    NOT_APPLIED,
    _("The kernel refused the rules (rule {position}, “{rule}”). Nothing was changed. It said: {why}."),
    _("The kernel refused the rules. Nothing was changed. It said: {why}."),
    _("The policy file cannot be written: {why}. Nothing was changed."),
    _("The kernel did not take the addresses of an object: {why}. No rule was changed."),
    _("The next boot would load the revision before: {why}."),
    _("The SIP engine does not answer ({why}). Running calls continue; new calls get no openings."),
    _("The pinhole broker does not answer ({why})."),
    *FINDINGS.values(),
)
_PLACE: Final = re.compile(r"\{(\w+)\}")


def outcome(text: str) -> str:
    """The text with every sentence that is known in the reader's language."""
    return read_back(text)


def read_back(text: str, sentences: tuple[Promise, ...] = (), words: tuple[str | Promise, ...] = ()) -> str:
    """As `outcome`, of these sentences as well; what stands in one of them may itself be one of the words."""
    known = _english(words)
    for pattern, sentence in (*_patterns(sentences), *_patterns()):
        text = pattern.sub(lambda found, said=sentence: _said(said, found.groupdict(), known), text)  # type: ignore[misc]  # bound at once
    return text


def _said(sentence: Promise, pieces: dict[str, str], words: dict[str, str | Promise]) -> str:
    said = str(sentence).format(**{name: str(words.get(piece.casefold(), piece)) for name, piece in pieces.items()})
    return said[:1].upper() + said[1:] if str(sentence).startswith("{kind}") else said


def _english(words: tuple[str | Promise, ...]) -> dict[str, str | Promise]:
    with override(None):
        return {str(each).casefold(): each for each in words}


_known: Final[dict[tuple[int, ...], tuple[tuple[re.Pattern[str], Promise], ...]]] = {}
"""By the identities of the sentences, which live as long as their modules: as texts they differ by language."""


def _patterns(sentences: tuple[Promise, ...] = _SENTENCES) -> tuple[tuple[re.Pattern[str], Promise], ...]:
    """The longest first: some hold another at their end."""
    key = tuple(map(id, sentences))
    if key not in _known:
        with override(None):
            longest = sorted(sentences, key=lambda each: -len(_PLACE.sub("", str(each))))
            _known[key] = tuple((_pattern(str(each)), each) for each in longest)
    return _known[key]


def _pattern(sentence: str) -> re.Pattern[str]:
    """`{name}` is whatever stands there in one line; at the end, all of it."""
    pieces = _PLACE.split(sentence)
    said = "".join(f"(?P<{piece}>.+?)" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces))
    return re.compile(said if pieces[-1] else f"{said}$")
