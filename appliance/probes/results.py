# SPDX-License-Identifier: GPL-2.0-or-later
"""What a test asks for and what it says: plain values that go through Redis as JSON."""

from __future__ import annotations

from typing import Final, Literal

from typing_extensions import TypedDict

Kind = Literal["options", "dns", "ping", "trace", "stun"]
KINDS: Final[tuple[Kind, ...]] = ("options", "dns", "ping", "trace", "stun")

LONGEST: Final = 30
"""Seconds; then the process is ended, whatever it does."""
KEPT: Final = 3600
"""Seconds for which results can be read."""
LONGEST_TEXT: Final = 120
"""Characters of what a stranger says."""

Mark = Literal["ok", "hint", "warning", "error"]


class Question(TypedDict):
    """`servers` are name servers; none: the machine's. A port of 0 is the kind's own."""

    kind: Kind
    host: str
    port: int
    transport: Literal["udp", "tcp"]
    servers: list[str]


class Said(TypedDict):
    """`code` is a sentence of the console's (`system.columns`) with these values; `ms` is what it took, 0 unknown."""

    code: str
    params: dict[str, str]
    mark: Mark
    ms: float


ENDED: Final = "ended"
"""The code of the last one."""


def said(code: str, mark: Mark = "hint", ms: float = 0.0, **params: object) -> Said:
    return Said(
        code=code, params={name: printable(value) for name, value in params.items()}, mark=mark, ms=round(ms, 1)
    )


def printable(value: object) -> str:
    """Strangers' words as one short line."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return "".join(each if each.isprintable() else "·" for each in text)[:LONGEST_TEXT]


def job_key(job: str, node: str) -> str:
    """The Redis list of a test's results."""
    return f"pinhole:{node}:test:{job}"
