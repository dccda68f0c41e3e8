# SPDX-License-Identifier: GPL-2.0-or-later
"""What a notice says: the sentences that it is written down in (English, for whoever gets it), and its row of the page,
in the reader's language, with the page that it leads to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from appliance.firewall.columns import LOOKUP_ERRORS
from appliance.firewall.models import ActivationKind
from appliance.permissions import PERMISSIONS, Role
from appliance.system.columns.outcomes import read_back
from appliance.system.models import Notice
from appliance.ui.columns import NEVER_RESOLVED, UNRESOLVED

REQUEST: Final = "request"
"""The kind of a notice by which one person asks another: the last line of its text is the page that it is about."""

ROLLED_BACK: Final = _("Revision {number} was rolled back")
NOT_APPLIED: Final = _("Revision {number} was not applied")
RULE_BEGINS: Final = _("Rule “{name}” acts now, until {until} UTC")
RULE_ENDS: Final = _("Rule “{name}” ends at {until} UTC")
RULE_ENDED: Final = _("Rule “{name}” has ended at {until} UTC")
ACT_BEGINS: Final = _("{kind} “{name}” acts since {until} UTC")
ACT_ENDS: Final = _("{kind} “{name}” ends at {until} UTC")
ACT_ENDED: Final = _("{kind} “{name}” has ended at {until} UTC")
ALONE_BEGINS: Final = _("{kind} acts since {until} UTC")
ALONE_ENDS: Final = _("{kind} ends at {until} UTC")
ALONE_ENDED: Final = _("{kind} has ended at {until} UTC")
OPEN_AS_WELL: Final = _("For open connections as well.")
ASKED: Final = _("{who} ({role}) sends a request: {refusal}")

_SENTENCES: Final[tuple[Promise, ...]] = (
    ROLLED_BACK, NOT_APPLIED, UNRESOLVED, NEVER_RESOLVED, RULE_BEGINS, RULE_ENDS, RULE_ENDED, ACT_BEGINS, ACT_ENDS,
    ACT_ENDED, ALONE_BEGINS, ALONE_ENDS, ALONE_ENDED, OPEN_AS_WELL, ASKED, *LOOKUP_ERRORS.values(),
)  # fmt: skip
_WORDS: Final[tuple[str | Promise, ...]] = (
    *(role.label for role in Role), *(kind.label for kind in ActivationKind),
    *(each.refusal for each in PERMISSIONS.values()),
)  # fmt: skip
"""What may stand in a sentence and is no name."""


@dataclass(frozen=True, slots=True)
class NoticeRow:
    """`page` is a path of our own, "" where it leads nowhere."""

    notice: Notice
    subject: str
    text: str
    page: str


def notice_row(notice: Notice) -> NoticeRow:
    said, page = notice.text, ""
    if notice.kind == REQUEST:
        said, _line, address = said.rpartition("\n")
        where = urlsplit(address)
        page = f"{where.path}?{where.query}" if where.query else where.path
    elif notice.kind in ("rolled_back", "failed"):
        page = reverse("system:changes")
    elif notice.kind in ("rule_begins", "rule_ends_soon", "rule_ended"):
        page = f"{reverse('firewall:rules')}#rule-{notice.key.split(':')[1]}"
    elif notice.kind.startswith("activation"):
        page = reverse("firewall:activations")
    elif notice.kind == "lookup_failed":
        page = reverse("firewall:objects")
    return NoticeRow(notice, _told(notice.subject), _told(said), page)


def _told(text: str) -> str:
    return read_back(text, _SENTENCES, _WORDS)
