# SPDX-License-Identifier: GPL-2.0-or-later
"""How addresses and ports are written: text that people type, its canonical form, and the values it stands for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, Literal, NamedTuple

Kind = Literal["host", "network", "range"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LAST_PORT: Final = 65535


class AddressRange(NamedTuple):
    """Inclusive; both of one family."""

    first: Address
    last: Address


class Ports(NamedTuple):
    """Inclusive."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


@lru_cache(maxsize=16_384)
def address_range(text: str) -> AddressRange:
    """Read a host, a network or a range `first-last`; raise ValueError for anything else."""
    first_text, dash, last_text = (part.strip() for part in text.partition("-"))
    if not dash:
        network = ipaddress.ip_network(first_text)
        return AddressRange(network[0], network[-1])
    first, last = ipaddress.ip_address(first_text), ipaddress.ip_address(last_text)
    if first.version != last.version or int(first) > int(last):
        raise ValueError(f"{first} does not come before {last}")
    return AddressRange(first, last)


def canonical_address(kind: Kind, text: str) -> str:
    """Return the one way to write this value; raise ValueError where it is none of this kind."""
    text = text.strip()
    if kind == "host":
        return str(ipaddress.ip_address(text))
    if kind == "network":
        return str(ipaddress.ip_network(text))
    if "-" not in text:
        raise ValueError(f"{text} has no end")
    return "-".join(map(str, address_range(text)))


def networks(text: str) -> tuple[Network, ...]:
    """The fewest networks that cover exactly the value."""
    first, last = address_range(text)
    return tuple(ipaddress.summarize_address_range(first, last))


def port_ranges(text: str) -> tuple[Ports, ...]:
    """Read `5060,16384-32767`; sorted, "" is no restriction; raise ValueError for what is no port."""
    return tuple(sorted(_ports(part) for part in text.split(",") if part.strip()))


def merged(ranges: Iterable[AddressRange]) -> list[AddressRange]:
    """Sorted, overlaps and neighbours joined. All of one family."""
    joined: list[AddressRange] = []
    for first, last in sorted(ranges, key=lambda each: int(each.first)):
        if joined and int(first) <= int(joined[-1].last) + 1:
            joined[-1] = AddressRange(joined[-1].first, max(joined[-1].last, last, key=int))
        else:
            joined.append(AddressRange(first, last))
    return joined


def merged_ports(ranges: Iterable[Ports]) -> list[Ports]:
    """Sorted, overlaps and neighbours joined."""
    joined: list[Ports] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1].last + 1:
            joined[-1] = Ports(joined[-1].first, max(joined[-1].last, last))
        else:
            joined.append(Ports(first, last))
    return joined


def canonical_ports(text: str) -> str:
    return ",".join(map(str, port_ranges(text)))


def _ports(text: str) -> Ports:
    first_text, dash, last_text = (part.strip() for part in text.partition("-"))
    for digits in (first_text, last_text) if dash else (first_text,):
        if not (digits.isascii() and digits.isdigit()):
            raise ValueError(f"{text!r} is no port")
    ports = Ports(int(first_text), int(last_text or first_text))
    if not 1 <= ports.first <= ports.last <= LAST_PORT:
        raise ValueError(f"{text!r} lies outside 1-{LAST_PORT}")
    return ports
