# SPDX-License-Identifier: GPL-2.0-or-later
"""What the advisor says: a finding with its evidence, why it matters, and what would help."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

Severity = Literal["error", "warning", "hint"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "hint")
"""Something is broken now; it will break or is unsafe; it may be worth a look."""

Verb = Literal["disable_rule", "set", "open"]


@dataclass(frozen=True, slots=True)
class Fix:
    """`disable_rule` drafts the change to the rule of id `argument`; `set` drafts `value` for the ALG's setting of that
    path; `open` leads to the page of that name.
    """

    label: str
    verb: Verb = "open"
    page: str = ""  # "firewall:rules_edit"
    argument: int | str | None = None  # of the page's address
    query: str = ""
    value: int | str = ""

    @property
    def is_draft(self) -> bool:
        return self.verb != "open"


@dataclass(frozen=True, slots=True)
class Finding:
    """`check` and `subject` together are the stable id: `A06-192.168.0.2`. All texts are in the reader's language."""

    check: str
    subject: str
    text: str
    why: str
    evidence: tuple[str, ...] = ()
    fixes: tuple[Fix, ...] = ()
    severity: Severity | Literal[""] = ""  # where it is another than the check's
    help: str = ""  # the check's
    commands: tuple[str, ...] = ()  # to be typed on the device, as root, where no draft can do it

    @property
    def id(self) -> str:
        return f"{self.check}-{self.subject}"

    @property
    def draft(self) -> Fix | None:
        """The change that it proposes."""
        return next((fix for fix in self.fixes if fix.is_draft), None)


def moment(at: float) -> str:
    """A time of evidence, as logs write it: evidence is copied into mails and tickets."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
