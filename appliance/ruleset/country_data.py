# SPDX-License-Identifier: GPL-2.0-or-later
"""Country data of others, CSV or MMDB, read within limits into ranges by country; and how two editions differ.

IPv6 is held in whole /56, the least that a site gets (RIPE-690): sources split it down to single networks of one
customer, which makes ten times as many ranges and says nothing more about a country.
"""

from __future__ import annotations

import io
import ipaddress
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final, NamedTuple

from maxminddb import MODE_FD, InvalidDatabaseError
from maxminddb.reader import Reader

from appliance.ruleset.countries import all_codes
from appliance.ruleset.spans import Span, Spans, packed

LARGEST: Final = 96 * 1024 * 1024
"""Octets of one file; those known have up to 20 MB."""
MOST_ROWS: Final = 3_000_000
TOLD_EVERY: Final = 10_000
"""Rows between two words on how many are read."""
LARGEST_DROP: Final = 0.3
"""Of a country's ranges: more than that, and somebody must say that it is meant."""

MMDB: Final = b"\xab\xcd\xefMaxMind.com"
_MMDB_TAIL: Final = 128 * 1024
_WHOLE_V6: Final = 7
"""Octets of an IPv6 network that are told apart."""
_LONGEST_LINE: Final = 512

Countries = dict[str, Spans]


class CountryDataError(ValueError):
    """`code` is a word for the console's sentence, `where` the line or file that it is about."""

    def __init__(self, code: str, where: str = "") -> None:
        self.code, self.where = code, where
        super().__init__(f"{code} {where}".strip())


class Read(NamedTuple):
    countries: Countries
    published: date | None  # where the file says so


def read(files: Iterable[bytes], tell: Callable[[int], None] | None = None) -> Read:
    """One edition out of one or more files, IPv4 and IPv6 perhaps apart; `tell` hears now and then how many rows."""
    taken = 0
    found: dict[str, tuple[list[Span], list[Span]]] = {code: ([], []) for code in all_codes()}
    published = None
    for content in files:
        if len(content) > LARGEST:
            raise CountryDataError("too_large")
        if MMDB in content[-_MMDB_TAIL:]:
            tree = _Tree.of(content)
            published = tree.published
            rows = tree.rows()
        else:
            rows = _csv_rows(content)
        for number, (code, span) in enumerate(rows):
            if number >= MOST_ROWS:
                raise CountryDataError("too_many_rows")
            taken += 1
            if tell and taken % TOLD_EVERY == 0:
                tell(taken)
            if code in found:
                found[code][len(span.first) == 16].append(span)
    countries = {code: Spans(packed(ip), packed(ip6)) for code, (ip, ip6) in found.items() if ip or ip6}
    if not countries:
        raise CountryDataError("no_countries")
    return Read(countries, published)


# --- CSV: `first,last,DE` or `network,DE`, addresses as text or as numbers, quoted or not ---


def _csv_rows(content: bytes) -> Iterator[tuple[str, Span]]:
    for number, line in enumerate(content.split(b"\n"), 1):
        row = line.strip()
        if not row or row.startswith(b"#"):
            continue
        try:
            if len(row) > _LONGEST_LINE:
                raise ValueError
            cells = row.decode("utf-8").replace('"', "").split(",")
            if "/" in cells[0]:
                network = ipaddress.ip_network(cells[0])
                span, code = Span(network[0].packed, network[-1].packed), cells[1]
            else:
                span, code = Span(_octets(cells[0]), _octets(cells[1])), cells[2]
            if len(span.first) != len(span.last) or span.first > span.last:
                raise ValueError
        except (ValueError, IndexError, OSError, OverflowError) as error:
            if number == 1:
                continue  # column titles
            raise CountryDataError("bad_line", str(number)) from error
        yield code.strip().upper(), _whole(span)


def _octets(text: str) -> bytes:
    if text.isdecimal():
        number = int(text)
        return number.to_bytes(4 if number < 1 << 32 else 16, "big")
    return inet_pton(AF_INET6 if ":" in text else AF_INET, text)


def _whole(span: Span) -> Span:
    if len(span.first) == 4:
        return span
    rest = 16 - _WHOLE_V6
    return Span(span.first[:_WHOLE_V6] + bytes(rest), span.last[:_WHOLE_V6] + b"\xff" * rest)


# --- MMDB ---


_DAMAGE: Final = (
    InvalidDatabaseError, ValueError, TypeError, KeyError, IndexError, RecursionError, OverflowError, OSError,
    AttributeError,
)  # fmt: skip
"""What a reader of damaged files raises; its own check of them is not complete."""


class _Tree(Reader):
    """Walks a tree that may be anything: each node once, so that one that bites its own tail has an end."""

    @classmethod
    def of(cls, content: bytes) -> _Tree:
        try:
            tree = cls(io.BytesIO(content), MODE_FD)
            tree.published = datetime.fromtimestamp(tree.metadata().build_epoch, UTC).date()
        except _DAMAGE as error:
            raise CountryDataError("bad_mmdb") from error
        return tree

    published: date

    def rows(self) -> Iterator[tuple[str, Span]]:
        try:
            yield from self._rows()
        except _DAMAGE as error:
            raise CountryDataError("bad_mmdb") from error

    def _rows(self) -> Iterator[tuple[str, Span]]:
        bits = 128 if self._metadata.ip_version == 6 else 32
        count, known, walked = self._metadata.node_count, dict[int, str](), set[int]()
        waiting = [(0, 0, 0)]
        while waiting:
            node, depth, prefix = waiting.pop()
            if node > count:
                if node not in known:
                    known[node] = _code(self._resolve_data_pointer(node))
                yield known[node], _span(prefix << (bits - depth), bits - depth, bits)
            elif node < count and node not in walked and depth < bits:
                walked.add(node)  # a second way to it is an alias of the IPv4 part
                waiting.append((self._read_node(node, 1), depth + 1, prefix << 1 | 1))
                waiting.append((self._read_node(node, 0), depth + 1, prefix << 1))


def _code(record: object) -> str:
    """`{"country": {"iso_code": "DE"}}`, `{"country_code": "DE"}` or `{"country": "DE"}`."""
    if not isinstance(record, Mapping):
        return ""
    for name in ("country", "registered_country", "country_code"):
        value = record.get(name)
        if isinstance(value, Mapping):
            value = value.get("iso_code")
        if isinstance(value, str):
            return value.upper()
    return ""


def _span(first: int, free: int, bits: int) -> Span:
    last = first | (1 << free) - 1
    if bits == 32 or last < 1 << 32:
        return Span(first.to_bytes(4, "big"), last.to_bytes(4, "big"))
    return _whole(Span(first.to_bytes(16, "big"), last.to_bytes(16, "big")))


# --- Two editions ---


class Difference(NamedTuple):
    """Ranges of a country that come and go."""

    code: str
    added: int
    removed: int
    before: int
    after: int

    @property
    def suspicious(self) -> bool:
        return self.before - self.after > LARGEST_DROP * self.before


def difference(code: str, before: Spans, after: Spans) -> Difference:
    pairs = [(set(before.spans(version)), set(after.spans(version))) for version in (4, 6)]
    return Difference(
        code,
        added=sum(len(new - old) for old, new in pairs),
        removed=sum(len(old - new) for old, new in pairs),
        before=len(before),
        after=len(after),
    )
