# SPDX-License-Identifier: GPL-2.0-or-later
"""Signalling mappings: which external port stands for which internal endpoint (RFC 4787 §4.1, endpoint-independent).

A mapping is one-to-one, so what comes back to its port can only be meant for that endpoint.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

from sipalg_core.contract.policy import PortRange
from sipalg_core.net import Endpoint
from sipalg_core.sip.grammar import DEFAULT_PORT

# --- Implementation constants ---

MAX_PER_HOST: Final = 64
"""A telephone system with many lines uses a handful of ports; more is somebody trying."""
MAX_REMEMBERED: Final = 32


@dataclass(slots=True)
class Mapping:
    internal: Endpoint
    external: Endpoint
    touched: float
    remembered: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    """(header, external text) → internal text, so that what went out as "a" comes back as "a"."""

    def to_external(self, header: bytes, text: bytes, port_written: bool) -> bytes:
        """How host[:port] of the internal endpoint is written outside; remembers how it stood inside."""
        replaced = self.external.host.encode()
        if port_written or self.external.port != DEFAULT_PORT:
            replaced += b":%d" % self.external.port
        if len(self.remembered) >= MAX_REMEMBERED:
            self.remembered.clear()
        self.remembered[header, replaced] = text
        return replaced

    def to_internal(self, header: bytes, text: bytes, port_written: bool) -> bytes:
        """How host[:port] of our external endpoint is written inside: as the party wrote it, where it did."""
        known = self.remembered.get((header, text)) or self.remembered.get((b"contact", text))
        if known is not None:
            return known
        host = self.internal.host.encode()
        return b"%s:%d" % (host, self.internal.port) if port_written or self.internal.port != DEFAULT_PORT else host


class NoPort(Exception):
    """No external port is left for this host; the message tells which limit."""


class Mappings:
    """All signalling mappings behind one external address."""

    def __init__(self, address: str, ports: PortRange, random: Random) -> None:
        self.address = address
        self._ports = ports
        self._random = random
        self._by_internal: dict[Endpoint, Mapping] = {}
        self._by_port: dict[int, Mapping] = {}

    def __len__(self) -> int:
        return len(self._by_port)

    def of_internal(self, endpoint: Endpoint) -> Mapping | None:
        return self._by_internal.get(endpoint)

    def of_port(self, port: int) -> Mapping | None:
        return self._by_port.get(port)

    def claim(self, internal: Endpoint, now: float) -> Mapping:
        """The mapping of this endpoint, made where there is none. Raises NoPort."""
        mapping = self._by_internal.get(internal)
        if mapping is None:
            port = self._free_port(internal)
            mapping = Mapping(internal, Endpoint(self.address, port), now)
            self._by_internal[internal] = self._by_port[port] = mapping
        mapping.touched = now
        return mapping

    def _free_port(self, internal: Endpoint) -> int:
        if sum(1 for known in self._by_internal if known.host == internal.host) >= MAX_PER_HOST:
            raise NoPort("signalling-ports-of-host")
        if internal.port == DEFAULT_PORT and internal.port not in self._by_port:
            return internal.port  # port preservation (RFC 4787 §4.2.1): 5060 stays 5060 where it is free
        size = self._ports.last - self._ports.first + 1
        start = self._random.randrange(size)
        for step in range(size):
            port = self._ports.first + (start + step) % size
            if port not in self._by_port:
                return port
        raise NoPort("signalling-ports")
