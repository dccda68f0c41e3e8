# SPDX-License-Identifier: GPL-2.0-or-later
"""What a live table is: its columns, their words and their order; how a time is written everywhere; and the keys.

The kinds of cells are those of static/js/cells.js.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from sipalg_core.contract.events import Topic

Text = str | Promise
Kind = Literal[
    "text",
    "number",
    "seconds",
    "time",
    "address",
    "uri",
    "contact",
    "direction",
    "state",
    "duration",
    "countdown",
    "audio",
    "measured",
    "said",
    "action",
    "value",
    "end",
    "opens",
]
Mark = Literal["", "ok", "hint", "warning", "error"]


def moment(value: datetime | None) -> SafeString | str:
    """In UTC; static/js/page.js turns it into the reader's own time."""
    if value is None:
        return "–"
    return format_html('<time datetime="{}" data-local>{}</time>', value.isoformat(), f"{value:%Y-%m-%d %H:%M} UTC")


UNRESOLVED: Final = _("{name} cannot be resolved since {when}. The last known addresses stay in use.")
NEVER_RESOLVED: Final = _("{name} cannot be resolved.")


def unresolved(name: str, since: float | None) -> str:
    """`since` (Unix seconds) is when a name server last knew the name."""
    when = f"{datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M} UTC" if since else ""
    return str(UNRESOLVED if since else NEVER_RESOLVED).format(name=name, when=when)


@dataclass(frozen=True)
class Word:
    """How a value of an enumeration is said; a row in an `ended` state is greyed."""

    label: Text
    mark: Mark = ""
    ended: bool = False


@dataclass(frozen=True)
class Column:
    key: str  # of the row in contract.events
    label: Text
    kind: Kind = "text"
    css: str = ""
    words: Mapping[str, Word] = field(default_factory=dict)
    below: str = ""  # key of the small second line
    said_below: Text = ""  # what a text or an address says there: {peer} is its value, any other word one of the row
    sentences: Mapping[str, Word] = field(
        default_factory=dict
    )  # of the second line: by code of a Said, else by its value
    link: str = ""  # where its text leads; {id} is the row's, of an action the value of the column
    action: Text = ""  # the word of a link; with `asks`, of a button that posts there
    asks: Text = ""  # the question before it does
    arrow: Literal["", "up", "down"] = ""

    def config(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "label": self.label,
            "kind": self.kind,
            "css": self.css,
            "words": _plain(self.words),
            "below": self.below,
            "said_below": self.said_below,
            "sentences": _plain(self.sentences),
            "arrow": self.arrow,
            "link": self.link,
            "action": self.action,
            "asks": self.asks,
        }


def _plain(words: Mapping[str, Word]) -> dict[str, Any]:
    return {value: {"label": word.label, "mark": word.mark} for value, word in words.items()}


@dataclass(frozen=True)
class LiveTable:
    topic: Topic | Literal["closed", "log"]
    caption: Text
    columns: tuple[Column, ...]
    order: str  # key; the newest stands first
    state: str  # key of the column that says what a row is doing
    empty: Text
    no_match: Text
    summary: Text  # spoken; {rows} and {new} are numbers

    @property
    def config_id(self) -> str:
        return f"{self.topic}-table"

    def config(self) -> dict[str, Any]:
        """For the script, as JSON."""
        states = next(column for column in self.columns if column.key == self.state)
        return {
            "topic": self.topic,
            "columns": [column.config() for column in self.columns],
            "order": {"key": self.order, "descending": True},
            "state": self.state,
            "ended": [value for value, word in states.words.items() if word.ended],
            "summary": self.summary,
        }


@dataclass(frozen=True)
class Key:
    """Keys as a browser names them, one after the other. They lead to `view`, or click what is marked with them
    (`data-shortcut`), in the row that has the focus where `row` says so."""

    keys: str
    label: Text
    view: str = ""
    row: bool = False


KEYS: Final = (
    Key("?", _("Show these keys")),
    Key("/", _("Find pages, rules, objects and calls")),
    Key("Ctrl+k", _("Find pages, rules, objects and calls")),
    Key("g d", _("Go to the overview"), "ui:overview"),
    Key("g c", _("Go to live calls"), "sip:calls"),
    Key("g r", _("Go to rules"), "firewall:rules"),
    Key("g o", _("Go to objects"), "firewall:objects"),
    Key("g a", _("Go to the advisor"), "system:advisor"),
    Key("g s", _("Go to the settings of the SIP ALG"), "alg:settings"),
    Key("n", _("New")),
    Key("p", _("Pause live")),
    Key("Ctrl+s", _("Save draft")),
    Key("e", _("Edit"), row=True),
    Key("x", _("Choose, for several at once"), row=True),
    Key("Alt+ArrowUp", _("Move up"), row=True),
    Key("Alt+ArrowDown", _("Move down"), row=True),
)
"""All keys of the console: static/js/keys.js does what stands here, the list under `?` shows it."""
