# SPDX-License-Identifier: GPL-2.0-or-later
"""What a recipe wants: objects, services, a provider and rules, named so that one can name the other."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from appliance.ruleset import countries

if TYPE_CHECKING:
    from appliance.firewall.models import Rule, Table

_LONGEST: Final = 80
"""Characters of an object's name."""


class Impossible(ValueError):
    """An answer that no rule should follow from. `field` is the question's, `code` says why."""

    def __init__(self, field: str, code: str) -> None:
        self.field, self.code = field, code
        super().__init__(f"{field}: {code}")


@dataclass(frozen=True, slots=True)
class Place:
    """An address object; one of the same meaning that is there already is taken."""

    name: str
    kind: Literal["host", "network", "range", "dns", "country"]
    value: str


@dataclass(frozen=True, slots=True)
class Ports:
    """A service."""

    name: str
    protocol: Literal["udp", "tcp", "both"]
    ports: str
    application: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule. None is any."""

    name: str
    table: Literal["forward", "dnat"]
    service: Ports | None
    source: Place | None = None
    destination: Place | None = None
    target: Place | None = None
    from_zone: str = ""
    to_zone: str = ""
    until: datetime | None = None
    comment: str = ""
    section: str = "Telephony"

    @property
    def action(self) -> str:
        return "dnat" if self.table == "dnat" else "accept"


@dataclass(frozen=True, slots=True)
class Provider:
    name: str
    signalling: Place
    media: Place | None
    symmetric: bool
    template: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """`advice` are codes of sentences (firewall.columns) that go with it, whether or not there are rules."""

    rules: tuple[Draft, ...] = ()
    provider: Provider | None = None
    advice: tuple[str, ...] = field(default=())


@dataclass(frozen=True)
class Wanted:
    """What a packet that was seen would need. `before` is the rule that decided: one behind it would change nothing."""

    table: Table
    source: Place | None
    destination: Place | None
    service: Ports | None
    from_zone: str
    to_zone: str
    before: Rule | None


def place(name: str, text: str, question: str) -> Place:
    """What was typed: an address, a network, a range, countries, or a DNS name. Raise Impossible."""
    text = text.strip()
    if not text:
        raise Impossible(question, "missing")
    if codes := _countries(text):
        return Place(f"{name} ({codes if len(codes) == 2 else text})"[:_LONGEST], "country", codes)
    if "-" in text and all(_is_host(part) for part in text.split("-", 1)):
        return Place(f"{name} ({text})", "range", text)
    if _is_host(text):
        return Place(f"{name} ({text})", "host", str(ipaddress.ip_address(text)))
    try:
        return Place(f"{name} ({text})", "network", str(ipaddress.ip_network(text)))
    except ValueError:
        if not text.isascii() or "." not in text or text.replace(".", "").replace("/", "").isdigit():
            raise Impossible(question, "not_a_place") from None
    return Place(f"{name} ({text})", "dns", text)


def _countries(text: str) -> str:
    """Their codes; "" where it says something else."""
    try:
        return countries.canonical(text)
    except countries.UnknownCountry:
        return ""


def host(name: str, text: str, question: str) -> Place:
    """One address. Raise Impossible."""
    if not _is_host(text.strip()):
        raise Impossible(question, "not_a_host")
    return place(name, text, question)


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip())
    except ValueError:
        return False
    return True
