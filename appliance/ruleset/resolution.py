# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that stand for addresses: how they are written, and what becomes of an answer. Pure: answers and time come in.

A lookup is `address:updates.example.net`, `srv:_sip._udp.example.net` or `naptr:example.net`. Failures and refused
addresses carry a word each (the console has the sentence): `nxdomain`, `no_address`, `timeout`, `servfail`, …
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from appliance.ruleset import notation

Kind = Literal["address", "srv", "naptr"]
KINDS: Final[tuple[Kind, ...]] = ("address", "srv", "naptr")

# --- Specification: RFC 1035 2.3.4, RFC 2782 ---

_LONGEST_NAME: Final = 253
_LONGEST_LABEL: Final = 63

# --- Ours ---

FLOOR: Final = 60.0
CEILING: Final = 86_400.0
"""Seconds between two refreshes, whatever the time to live says."""
KEPT: Final = 86_400.0
"""Seconds that an address stays after it was last answered: a name that rotates its answers keeps them all."""
MOST: Final = 64
"""Addresses of one lookup."""
PATIENCE: Final = 3_600.0
"""The longest wait after failures, which double it from FLOOR."""

_LABEL: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def lookup(kind: Kind, name: str) -> str:
    return f"{kind}:{name}"


def parse(text: str) -> tuple[Kind, str]:
    """The inverse of `lookup`."""
    kind, _, name = text.partition(":")
    return next(each for each in KINDS if each == kind), name


def canonical_name(kind: Kind, text: str) -> str:
    """Absolute, without its dot, as DNS carries it (IDNA); ValueError where it is no name of this kind."""
    name = text.strip().rstrip(".").lower()
    if not name.isascii():
        name = ".".join(label.encode("idna").decode() for label in name.split("."))
    labels = name.split(".")
    if len(labels) < 2 or len(name) > _LONGEST_NAME or labels[-1].isdigit():
        raise ValueError(f"{text!r} is no whole name")
    for label in labels:
        if not 0 < len(label) <= _LONGEST_LABEL or not _LABEL.issuperset(label) or label[0] == "-" or label[-1] == "-":
            raise ValueError(f"{label!r} is no part of a name")
    service = len(labels) >= 4 and labels[0].startswith("_") and labels[1].startswith("_")
    if service != (kind == "srv"):
        raise ValueError(f"{text!r} is no name for {kind}")
    return name


# --- What an answer may hold ---

_FORBIDDEN: Final = tuple(
    (reason, tuple(map(ipaddress.ip_network, networks)))
    for reason, networks in (
        ("metadata", ("169.254.169.254/32", "100.100.100.200/32", "192.0.0.192/32", "fd00:ec2::254/128")),
        ("loopback", ("127.0.0.0/8", "::1/128")),
        ("link_local", ("169.254.0.0/16", "fe80::/10", "fec0::/10")),
        ("multicast", ("224.0.0.0/4", "ff00::/8")),
        ("special", ("0.0.0.0/8", "192.0.0.0/24", "240.0.0.0/4", "::/128", "::ffff:0:0/96", "100::/64")),
    )
)
"""RFC 6890; the first that holds an address names the reason. Documentation networks are no harm."""
_EMBEDDING: Final = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("::ffff:0:0/96"))
"""RFC 6052, RFC 4291 2.5.5.2: the last 32 bits are an IPv4 address."""

Refusal = Callable[[str], str]
"""Why an address must not be held, "" where it may."""


def refusal(own: Iterable[str], inside: Iterable[str]) -> Refusal:
    """`own` are our addresses, `inside` the networks behind us: who could make a name point there must gain nothing."""
    ours = {ipaddress.ip_address(each) for each in own}
    networks = tuple(map(ipaddress.ip_network, inside))

    def why(text: str) -> str:
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return "special"
        for judged in _faces(address):
            if judged in ours:
                return "own"
            if any(judged in network for network in networks):
                return "inside"
            for reason, forbidden in _FORBIDDEN:
                if any(judged in network for network in forbidden):
                    return reason
        return ""

    return why


def _faces(address: notation.Address) -> Iterable[notation.Address]:
    """Itself, and the IPv4 address that it carries."""
    if isinstance(address, ipaddress.IPv6Address) and any(address in network for network in _EMBEDDING):
        yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    yield address


# --- What becomes of it ---


@dataclass(frozen=True, slots=True)
class Answer:
    addresses: tuple[str, ...]
    ttl: float  # seconds; the shortest of all records on the way


@dataclass(frozen=True, slots=True)
class Failure:
    error: str


@dataclass(frozen=True, slots=True)
class Held:
    """Of one lookup, in Unix seconds. `seen` is by address when it was last answered; `error` of the last attempt."""

    seen: Mapping[str, float] = field(default_factory=dict)
    refused: tuple[tuple[str, str], ...] = ()  # address, reason; of the last answer
    refreshed: float | None = None  # the last answer that held something
    due: float = 0
    failures: int = 0
    error: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(sorted(self.seen))


def follow(held: Held, outcome: Answer | Failure, now: float, why: Refusal) -> Held:
    """What is held after this outcome: new addresses and those of a day, or on a failure all that was known."""
    if isinstance(outcome, Failure):
        return _failed(held, outcome.error, now)
    judged = {address: why(address) for address in outcome.addresses}
    refused = tuple((address, reason) for address, reason in judged.items() if reason)
    fresh = sorted(address for address, reason in judged.items() if not reason)
    if not fresh:
        return replace(_failed(held, "all_refused" if refused else "no_address", now), refused=refused)
    kept = {each: seen for each, seen in held.seen.items() if now - seen < KEPT and not why(each)}
    seen = kept | dict.fromkeys(fresh, now)
    newest = sorted(seen, key=lambda each: (-seen[each], each not in kept, each))[:MOST]
    return Held(
        seen={each: seen[each] for each in newest}, refused=refused, refreshed=now,
        due=now + min(max(outcome.ttl, FLOOR), CEILING), error="too_many" if len(seen) > MOST else "",
    )  # fmt: skip


def _failed(held: Held, error: str, now: float) -> Held:
    failures = held.failures + 1
    due = now + min(FLOOR * 2 ** min(held.failures, 10), PATIENCE)
    return replace(held, refused=(), due=due, failures=failures, error=error)
