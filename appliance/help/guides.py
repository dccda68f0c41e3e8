# SPDX-License-Identifier: GPL-2.0-or-later
"""Guides to other makers' devices: what each calls the setting that is meant, who says so, and when that was read.

Never the truth: makers rename their menus. What stands in the data file is in the words of the device, ours are here.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_FILE: Final = Path(__file__).resolve().parent / "data" / "guides.json"

ACTS: Final = {
    "commands": _("On its command line:"),
    "untick": _("Switch off:"),
    "empty": _("Leave empty:"),
    "remove": _("Take out:"),
    "set": _("Set in its configuration:"),
    "exempt": _("It finds out its outside address itself. Exempt its server from the ALG, or switch that off in:"),
    "source": _("Its maker describes it in the source."),
}
"""What is done with the texts of a guide."""

NOTES: Final = {
    "off-by-default": _("It is off unless somebody has switched it on."),
    "number": _("The entry named “sip” may have another number than 13: “show” tells."),
    "profile": _("A rule with a VoIP profile still uses the ALG: take the profile out of it."),
    "component": _("It is a component of the system; without it there is no SIP ALG."),
    "siproxd": _("They have no SIP ALG of their own, only this package, where somebody has added it."),
    "family": _("Other models of the maker may have the same field."),
    "each-account": _("The same for each account."),
    "other-program": _("Take it out of the program that sets it up, too, or it is back with the next start."),
    "built-in": _("Where the kernel has it built in, only the rule can be taken away."),
}


class Guide(NamedTuple):
    """`act` is of ACTS, `notes` of NOTES; `text` is what the device calls it, or what is typed."""

    name: str
    act: str
    text: tuple[str, ...]
    notes: tuple[str, ...]
    source: str
    date: str  # when the source was read

    @property
    def lead(self) -> Promise:
        return ACTS[self.act]

    @property
    def said(self) -> list[Promise]:
        return [NOTES[note] for note in self.notes]

    @property
    def typed(self) -> bool:
        """Whether it is worth copying."""
        return self.act in ("commands", "set")


@cache
def guides() -> dict[str, tuple[Guide, ...]]:
    """By whose they are: `routers`, `phones`, and the `kernel` of this device."""
    found = json.loads(_FILE.read_text())
    return {
        kind: tuple(Guide(**(each | {"text": tuple(each["text"]), "notes": tuple(each["notes"])})) for each in listed)
        for kind, listed in found.items()
    }
