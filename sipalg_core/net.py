# SPDX-License-Identifier: GPL-2.0-or-later
"""Value types that every part of the engine shares: endpoints, transports, sides and flows."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple

LARGEST_DATAGRAM: Final = {4: 65_507, 6: 65_527}
"""Octets that UDP carries, by IP version (RFC 791, RFC 8200: the header of IPv6 is not counted)."""


class Transport(StrEnum):
    UDP = "udp"
    TCP = "tcp"


class Side(StrEnum):
    """Which side of the NAT a packet came from or goes to (RFC 4787: internal, external)."""

    INTERNAL = "internal"
    EXTERNAL = "external"

    @property
    def other(self) -> Side:
        return Side.EXTERNAL if self is Side.INTERNAL else Side.INTERNAL


class Endpoint(NamedTuple):
    """An address and a port. `host` is canonical address text (as `socket` gives it), never a name."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Flow(NamedTuple):
    """Where a datagram was on its way before we took it: the addresses are those of the wire."""

    transport: Transport
    side: Side  # the side it came from
    source: Endpoint
    destination: Endpoint


class Datagram(NamedTuple):
    data: bytes
    flow: Flow
