# SPDX-License-Identifier: GPL-2.0-or-later
"""How recipes read what was answered: a source that must have been meant, ports, and those that may not be opened."""

from __future__ import annotations

from typing import Final

from appliance.recipes.plans import Impossible, Place, place

_SCANNED: Final = {5060}


def limited(text: str, name: str, *, anybody: bool) -> Place | None:
    """None is anybody, and that must have been said."""
    if text.strip():
        return place(name, text, "source")
    if not anybody:
        raise Impossible("source", "no_source")
    return None


def ports_of(text: str, question: str, *, lowest: int) -> str:
    """`10000-10100`, `443`, or several with commas; as it is written canonically."""
    parts = []
    for part in text.split(","):
        first, dash, last = (each.strip() for each in part.partition("-"))
        last = last if dash else first
        if not (first.isascii() and last.isascii() and first.isdecimal() and last.isdecimal()):
            raise Impossible(question, "no_ports")
        if not lowest <= int(first) <= int(last) <= 65535:
            raise Impossible(question, "no_ports" if lowest == 1 else "ports_below_1024")
        parts.append(first if first == last else f"{int(first)}-{int(last)}")
    return ",".join(parts)


def is_scanned(ports: str) -> bool:
    """Whether canonical ports hold one that the Internet is searched for all the time."""
    spans = [part.partition("-") for part in ports.split(",")]
    return any(int(first) <= port <= int(last or first) for first, _, last in spans for port in _SCANNED)
