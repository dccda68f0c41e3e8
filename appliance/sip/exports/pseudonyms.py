# SPDX-License-Identifier: GPL-2.0-or-later
"""Numbers, names, hosts and addresses of a call by made-up ones: the same by the same, so that one can follow it.

Addresses become those of the documentation ranges (RFC 5737, RFC 3849), hosts names below `example` (RFC 2606).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from sipalg_core.contract.events import TraceRow

_IPV4: Final = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)")
_IPV6: Final = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}(?![\w:])")
_USER: Final = re.compile(r"(?i)(?:(?<=\bsip:)|(?<=\bsips:))[^\s@<>\";:]+(?=(?::[^\s@<>]*)?@)|(?<=\btel:)[^\s@<>\";]+")
_HOST: Final = re.compile(
    r"(?i)(?<=@)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*\.[a-z]+\b"
    r"|(?:(?<=\bsip:)|(?<=\bsips:)|(?<=/UDP )|(?<=/TCP ))[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9-]+)*\.[a-z]+\b"
)
_DISPLAY_NAME: Final = re.compile(r'(?m)^([A-Za-z][\w-]*[ \t]*:[ \t]*)("[^"\r\n]*"|[^"<\r\n,;:]+?)([ \t]*<)')
_CALL_ID: Final = re.compile(r"(?im)^(?:call-id|i)[ \t]*:[ \t]*(\S+)")
_FREE_TEXT: Final = re.compile(
    r"(?im)^((?:subject|s|organization|call-info|alert-info|error-info|user-to-user)[ \t]*:[ \t]*|[siuep]=)[^\r\n]*"
)
_ORIGIN_USER: Final = re.compile(r"(?m)^(o=)(\S+)")
_CONTENT_LENGTH: Final = re.compile(r"(?im)^((?:content-length|l)[ \t]*:[ \t]*)\d+")
_SHORTEST_REPEATED: Final = 3
"""Characters of a user or host that is replaced wherever it stands; "1" stands everywhere."""


class Pseudonyms:
    """One for everything that is taken away together."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def messages(self, rows: Iterable[TraceRow]) -> list[TraceRow]:
        """All rows are read first: what one of them names is replaced in the others as well."""
        rows = list(rows)
        for row in rows:
            self._learn(row["before"])
            self._learn(row["after"])
        return [self._row(row) for row in rows]

    def text(self, text: str) -> str:
        """A line or an endpoint of ours, with what is known and every address replaced."""
        return self._addresses(self._everywhere(text))

    def _row(self, row: TraceRow) -> TraceRow:
        changed: TraceRow = {
            **row,
            "start_line": self.text(row["start_line"]),
            "source": self.text(row["source"]),
            "destination": self.text(row["destination"]),
            "sent_from": self.text(row["sent_from"]),
            "sent_to": self.text(row["sent_to"]),
            "before": self._message(row["before"]),
            "after": self._message(row["after"]),
            "edits": [
                {**edit, "before": self.text(edit["before"]), "after": self.text(edit["after"])}
                for edit in row["edits"]
            ],
        }
        return changed

    def _learn(self, text: str) -> None:
        for user in _USER.findall(text):
            self._pseudonym("user", user)
        for host in _HOST.findall(text):
            self._pseudonym("host", host.lower())
        for call_id in _CALL_ID.findall(text):
            self._pseudonym("call", call_id)

    def _message(self, text: str) -> str:
        text = _DISPLAY_NAME.sub(lambda found: found[1] + self._name(found[2]) + found[3], text)
        text = _FREE_TEXT.sub(r"\1-", text)
        text = _ORIGIN_USER.sub(r"\1-", text)
        text = self._addresses(self._everywhere(text))
        head, blank, body = text.partition("\r\n\r\n")
        return _CONTENT_LENGTH.sub(rf"\g<1>{len(body.encode())}", head) + blank + body

    def _name(self, name: str) -> str:
        bare = name.strip('"')
        return f'"{self._pseudonym("name", bare)}"' if bare.strip() else name

    def _everywhere(self, text: str) -> str:
        for real in sorted(self._known, key=len, reverse=True):
            if len(real) >= _SHORTEST_REPEATED and not _IPV4.fullmatch(real) and not _IPV6.fullmatch(real):
                text = re.sub(rf"(?i)(?<![\w]){re.escape(real)}(?![\w])", self._known[real], text)
            elif real.isdecimal():
                text = re.sub(rf"(?<=sip:){real}(?=@)", self._known[real], text)
        return text

    def _addresses(self, text: str) -> str:
        return _IPV6.sub(self._address, _IPV4.sub(self._address, text))

    def _address(self, found: re.Match[str]) -> str:
        """What looks like one and is none ("14:02:10") stays."""
        try:
            address = ip_address(found[0])
        except ValueError:
            return found[0]
        return self._pseudonym(f"ipv{address.version}", str(address))

    def _pseudonym(self, kind: str, real: str) -> str:
        known = self._known.get(real)
        if known is None:
            number = self._counts[kind] = self._counts.get(kind, 0) + 1
            known = self._known[real] = _MADE_UP[kind](number)
            self._known.setdefault(known, known)  # what is made up is not replaced again
        return known


_MADE_UP: Final = {
    "user": lambda number: f"{9000 + number}",
    "name": lambda number: f"Name {number}",
    "host": lambda number: f"host{number}.example",
    "call": lambda number: f"call-{number}",
    "ipv4": lambda number: f"{('192.0.2', '198.51.100', '203.0.113')[number // 250 % 3]}.{number % 250 + 1}",
    "ipv6": lambda number: f"2001:db8::{number:x}",
}
