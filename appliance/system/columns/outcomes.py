# SPDX-License-Identifier: GPL-2.0-or-later
"""What became of a revision, in the reader's language: netadmin and the kernel's side write it down in English.

A text is several of these sentences in a row. One that is new here is told as it was written.
"""

from __future__ import annotations

import re
from functools import cache
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

_SENTENCES: Final = (
    UNCONFIRMED,
    UNDONE,
    AGAIN,
    UNFINISHED,
    UNCHANGED,
    _("The kernel refused the rules (rule {position}, “{rule}”): {why}. Nothing was changed."),
    _("The kernel refused the rules: {why}. Nothing was changed."),
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
    for pattern, sentence in _patterns():
        text = pattern.sub(lambda found, said=sentence: str(said).format(**found.groupdict()), text)  # type: ignore[misc]  # bound at once
    return text


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], Promise], ...]:
    """The longest first: some hold another at their end."""
    with override(None):
        longest = sorted(_SENTENCES, key=lambda each: -len(str(each)))
        return tuple((_pattern(str(each)), each) for each in longest)


def _pattern(sentence: str) -> re.Pattern[str]:
    """`{name}` is whatever stands there in one line."""
    pieces = _PLACE.split(sentence)
    said = "".join(f"(?P<{piece}>.+?)" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces))
    return re.compile(said)
