# SPDX-License-Identifier: GPL-2.0-or-later
"""Signalling mappings: which external port stands for which internal endpoint (RFC 4787 §4.1, endpoint-independent).

A mapping is one-to-one, so what comes back to its port can only be meant for that endpoint. An internal endpoint is
mapped to an external address of its own family, or, where nothing is translated, to itself.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Final

from sipalg_core.alg.changes import Changes
from sipalg_core.alg.moment import Moment
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Endpoint
from sipalg_core.sip.grammar import DEFAULT_PORT

# --- Implementation constants ---

MAX_PER_HOST: Final = 64
"""A telephone system with many lines uses a handful of ports; more is somebody trying."""
MAX_REMEMBERED: Final = 32
IDLE: Final = 7200.0
"""Seconds without a message after which a mapping may be given to another endpoint: two usual registrations."""


@dataclass(slots=True)
class Mapping:
    internal: Endpoint
    external: Endpoint
    touched: Moment
    remembered: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    """(header, external text) → internal text, so that what went out as "a" comes back as "a"."""

    @property
    def key(self) -> tuple[Endpoint, str]:
        return self.internal, self.external.host

    @property
    def translates(self) -> bool:
        return self.internal != self.external

    def to_internal(self, header: bytes, text: bytes, port_written: bool) -> bytes:
        """How host[:port] of our external endpoint is written inside: as the party wrote it, where it did."""
        known = self.remembered.get((header, text)) or self.remembered.get((b"contact", text))
        if known is not None:
            return known
        host = written(self.internal.host)
        return b"%s:%d" % (host, self.internal.port) if port_written or self.internal.port != DEFAULT_PORT else host


def written(host: str) -> bytes:
    """An address as it stands in a URI or a Via (RFC 3261 §25.1: IPv6reference)."""
    return b"[%s]" % host.encode() if ":" in host else host.encode()


class NoPort(Exception):
    """No external port is left for this host; the message tells which limit."""


class Mappings:
    """All signalling mappings: one for each internal endpoint and address that it has outside."""

    def __init__(self, policy: AlgPolicy, random: Random, changes: Changes) -> None:
        self._random = random
        self._changes = changes
        self._own: frozenset[str] = frozenset()
        self._by_internal: dict[tuple[Endpoint, str], Mapping] = {}
        self._by_external: dict[Endpoint, Mapping] = {}
        self._per_host: Counts[str] = Counts()
        self.named: list[Endpoint] = []
        """Of ours, other than that of the flow, in the message at hand: the other side may send there."""
        self.set_policy(policy)

    def set_policy(self, policy: AlgPolicy) -> list[str]:
        """Map by this policy from now on; returns the addresses that were ours, with whose mappings it is over."""
        before, self._own = self._own, frozenset(policy.external_addresses)
        self._ports = policy.signalling_ports
        gone = sorted(before - self._own)
        for mapping in [known for known in self if known.external.host in gone]:
            self._drop(mapping)
        return gone

    def __iter__(self) -> Iterator[Mapping]:
        return iter(list(self._by_internal.values()))

    def __len__(self) -> int:
        return len(self._by_external)

    def is_ours(self, host: str) -> bool:
        return host in self._own

    def of_internal(self, endpoint: Endpoint, outside: str) -> Mapping | None:
        """The mapping of this endpoint to that address."""
        return self._by_internal.get((endpoint, outside))

    def of_external(self, endpoint: Endpoint) -> Mapping | None:
        return self._by_external.get(endpoint)

    def claim(self, internal: Endpoint, outside: str | None, now: float) -> Mapping:
        """The mapping of this endpoint to this address of ours, or its own; made where there is none. Raises NoPort."""
        if outside is None:
            raise NoPort("no-address-of-family")
        mapping = self._by_internal.get((internal, outside))
        if mapping is None:
            mapping = Mapping(internal, self._free(internal, outside, now), now)
            self.add(mapping)
        mapping.touched = now
        return mapping

    def to_external(self, mapping: Mapping, header: bytes, text: bytes, port_written: bool) -> bytes:
        """How host[:port] of its internal endpoint is written outside; remembers how it stood inside."""
        replaced = written(mapping.external.host)
        if port_written or mapping.external.port != DEFAULT_PORT:
            replaced += b":%d" % mapping.external.port
        return self.remember(mapping, header, replaced, text)

    def remember(self, mapping: Mapping, header: bytes, replaced: bytes, text: bytes) -> bytes:
        """`replaced`, which stands outside for this text of the internal party."""
        remembered = mapping.remembered
        if remembered.get((header, replaced)) != text:
            if len(remembered) >= MAX_REMEMBERED:
                remembered.clear()
            remembered[header, replaced] = text
            self._changes.note("mapping", mapping.key)
        return replaced

    def add(self, mapping: Mapping) -> None:
        self._changes.note("mapping", mapping.key)
        self._by_internal[mapping.internal, mapping.external.host] = self._by_external[mapping.external] = mapping
        self._per_host[mapping.internal.host] += 1

    def _drop(self, mapping: Mapping) -> None:
        self._changes.note("mapping", mapping.key)
        del self._by_internal[mapping.internal, mapping.external.host], self._by_external[mapping.external]
        self._per_host[mapping.internal.host] -= 1

    def _free(self, internal: Endpoint, outside: str, now: float) -> Endpoint:
        if self._per_host[internal.host] >= MAX_PER_HOST and not self._evict(now, internal.host):
            raise NoPort("signalling-ports-of-host")
        if outside == internal.host:
            return internal
        preserved = Endpoint(outside, DEFAULT_PORT)
        if internal.port == DEFAULT_PORT and preserved not in self._by_external:
            return preserved  # port preservation (RFC 4787 §4.2.1): 5060 stays 5060 where it is free
        size = self._ports.last - self._ports.first + 1
        start = self._random.randrange(size)
        for _ in range(2):
            for step in range(size):
                found = Endpoint(outside, self._ports.first + (start + step) % size)
                if found not in self._by_external:
                    return found
            if not self._evict(now):
                break
        raise NoPort("signalling-ports")

    def _evict(self, now: float, host: str | None = None) -> bool:
        """Drop the mapping that has been silent for the longest time, if for long enough."""
        candidates = (known for known in self if host in (None, known.internal.host))
        oldest = min(candidates, key=lambda known: known.touched, default=None)
        if oldest is None or now - oldest.touched < IDLE:
            return False
        self._drop(oldest)
        return True
