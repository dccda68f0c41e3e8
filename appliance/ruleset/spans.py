# SPDX-License-Identifier: GPL-2.0-or-later
"""Ranges of addresses by the thousand: packed octets, sorted and disjoint, that can be asked, joined and compared.

A country has up to 80,000 ranges: as Python objects they would take seconds to make, as octets they take none.
"""

from __future__ import annotations

import hashlib
import ipaddress
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

from appliance.ruleset import notation

WIDTH: Final = {4: 4, 6: 16}
"""Octets of an address."""


class Span(NamedTuple):
    """Inclusive; addresses as octets in network order, of one length."""

    first: bytes
    last: bytes


@dataclass(frozen=True)
class Spans:
    """`ip` and `ip6` are first, last, first, last, … of each family, in order, no two of them touching."""

    ip: bytes = b""
    ip6: bytes = b""

    @classmethod
    def of(cls, values: Iterable[str]) -> Spans:
        """From the notation of ruleset.notation."""
        found: dict[int, list[Span]] = {4: [], 6: []}
        for first, last in map(notation.address_range, values):
            found[first.version].append(Span(first.packed, last.packed))
        return cls(packed(found[4]), packed(found[6]))

    def __contains__(self, host: object) -> bool:
        if not isinstance(host, notation.Address):
            return False
        firsts, lasts = self._sorted[host.version]
        at = bisect_right(firsts, host.packed) - 1
        return at >= 0 and host.packed <= lasts[at]

    def __len__(self) -> int:
        return self.count(4) + self.count(6)

    def __or__(self, other: Spans) -> Spans:
        if not other:
            return self
        if not self:
            return other
        return Spans(
            *(packed([*self.spans(version), *other.spans(version)]) for version in (4, 6)),
        )

    def count(self, version: int) -> int:
        return len(self.octets(version)) // (2 * WIDTH[version])

    def octets(self, version: int) -> bytes:
        return self.ip if version == 4 else self.ip6

    def spans(self, version: int) -> Iterator[Span]:
        octets, width = self.octets(version), WIDTH[version]
        for at in range(0, len(octets), 2 * width):
            yield Span(octets[at : at + width], octets[at + width : at + 2 * width])

    def texts(self) -> Iterator[str]:
        """In the notation of ruleset.notation."""
        for version in (4, 6):
            for first, last in self.spans(version):
                ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
                yield str(ends[0]) if ends[0] == ends[1] else f"{ends[0]}-{ends[1]}"

    @cached_property
    def _sorted(self) -> dict[int, tuple[list[bytes], list[bytes]]]:
        pairs = {version: list(self.spans(version)) for version in (4, 6)}
        return {version: ([each.first for each in found], [each.last for each in found])
                for version, found in pairs.items()}  # fmt: skip


def packed(spans: Iterable[Span]) -> bytes:
    """Of one family: sorted, overlaps and neighbours joined."""
    joined: list[bytes] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1]:
            joined[-1] = max(joined[-1], last)
        elif joined and int.from_bytes(first, "big") == int.from_bytes(joined[-1], "big") + 1:
            joined[-1] = last
        else:
            joined += (first, last)
    return b"".join(joined)


class Content:
    """What one moving object holds. Two with one fingerprint hold the same; `empty` is known without reading."""

    def __init__(self, fingerprint: str, read: Callable[[], Spans], *, empty: bool) -> None:
        self.fingerprint = fingerprint
        self.empty = empty
        self._read = read

    @cached_property
    def spans(self) -> Spans:
        return self._read()


def fixed(*values: str) -> Content:
    """Of these addresses, for good."""
    return Content(fingerprint_of(values), lambda: Spans.of(values), empty=not values)


def fingerprint_of(parts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
