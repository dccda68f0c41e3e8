# SPDX-License-Identifier: GPL-2.0-or-later
"""Elements of sets and maps by raw netlink, in microseconds: add, delete, renew, read with counters. No set, no rule.

A key is its parts one behind the other, each padded to four bytes; so is the data of a map.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

from sipalg_core.nft.netlink import (
    KIND_MASK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    RECEIVE_SIZE,
    DumpInterrupted,
    Message,
    NetlinkSocket,
    attribute,
    attributes,
    nested,
)
from sipalg_core.nft.nf_tables import (
    COUNTER_BYTES,
    COUNTER_PACKETS,
    DATA_VALUE,
    DELSETELEM,
    EXPR_DATA,
    EXPR_NAME,
    GETSETELEM,
    LIST_ELEM,
    NEWSETELEM,
    NFPROTO_INET,
    SET_ELEM_DATA,
    SET_ELEM_EXPIRATION,
    SET_ELEM_EXPR,
    SET_ELEM_KEY,
    SET_ELEM_LIST_ELEMENTS,
    SET_ELEM_LIST_SET,
    SET_ELEM_LIST_TABLE,
    SET_ELEM_TIMEOUT,
    SET_ELEM_USERDATA,
    SUBSYSTEM,
    UDATA_COMMENT,
)

# --- Specification: linux/netlink.h, as nf_tables lays its attributes ---

_U64: Final = struct.Struct("!Q")
_PORT: Final = struct.Struct("!Hxx")
_HEADER: Final = struct.Struct("=HH")
_HEADERS: Final = struct.Struct("=HHHHHH")
"""Of an element, of its key, and of the key's value."""
_PACKETS_AT: Final = 32
"""In a counter, our only expression: its name (12 octets), header of its data, bytes (12), header of packets."""

# --- Implementation constants ---

_DUMP_ATTEMPTS: Final = 5
_TOGETHER: Final = 200
"""Elements of one set in a message: an attribute holds 64 KiB."""


class Element(NamedTuple):
    """`timeout` 0: it stays. `expires` and the counts are what the kernel said, or what a new element starts with."""

    set: str
    key: bytes
    data: bytes = b""
    timeout: float = 0  # seconds
    comment: str = ""  # kept in the kernel, shown by `nft list`
    expires: float = 0  # seconds from now
    packets: int = 0
    bytes: int = 0


class Tally(NamedTuple):
    """What changes of a standing element: the count of its packets, and in how many seconds it ends."""

    packets: int
    expires: float


class Result(Enum):
    DONE = 0
    EXISTS = errno.EEXIST  # an element to be added is there (in a map: with other data)
    MISSING = errno.ENOENT  # an element to be deleted, its set or its table is not there
    FULL = errno.ENFILE  # the set has reached its `size`


def pack(*parts: str | int) -> bytes:
    """Addresses (text) and ports (int) as a concatenated key."""
    return b"".join([_PORT.pack(part) if isinstance(part, int) else _pack_address(part) for part in parts])


def unpack(key: bytes, layout: Sequence[str]) -> list[str | int]:
    """The inverse of `pack`, for parts named by their nft types: `ipv4_addr`, `ipv6_addr`, `inet_service`."""
    parts: list[str | int] = []
    at = 0
    for kind in layout:
        if kind == "inet_service":
            parts.append(int.from_bytes(key[at : at + 2], "big"))
            at += 4
        else:
            size, family = (4, socket.AF_INET) if kind == "ipv4_addr" else (16, socket.AF_INET6)
            parts.append(socket.inet_ntop(family, key[at : at + size]))
            at += size
    return parts


@lru_cache(4096)
def _pack_address(address: str) -> bytes:
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


class ElementTable:
    """The elements of one table of family inet."""

    def __init__(
        self, table: str, receive_size: int = RECEIVE_SIZE, netlink: NetlinkSocket | None = None
    ) -> None:  # fmt: skip
        self._table = attribute(SET_ELEM_LIST_TABLE, table.encode() + b"\0")
        self._sets: dict[str, bytes] = {}  # the attributes that name a set of this table
        self._netlink = netlink or NetlinkSocket(receive_size)

    def close(self) -> None:
        self._netlink.close()

    def change(self, *, delete: Iterable[Element] = (), add: Iterable[Element] = ()) -> Result:
        """One transaction, deletions first: all is done, or nothing. OSError for what is no `Result`."""
        leaving: dict[str, list[bytes]] = {}
        for element in delete:
            leaving.setdefault(element.set, []).append(_key(element))
        coming: dict[tuple[str, int], list[bytes]] = {}
        for element in add:
            coming.setdefault((element.set, _created(element)), []).append(_whole(element))
        messages = [self._message(DELSETELEM, 0, name, *some) for name, all_ in leaving.items() for some in _few(all_)]
        messages += [
            self._message(NEWSETELEM, flags, name, *some)
            for (name, flags), all_ in coming.items()
            for some in _few(all_)
        ]
        if not messages:
            return Result.DONE
        for code in self._netlink.batch(SUBSYSTEM, messages):
            if code in (errno.EEXIST, errno.ENOENT, errno.ENFILE):
                return Result(code)
            if code:
                raise OSError(code, errno.errorcode.get(code, str(code)))
        return Result.DONE

    def dump(self, set_name: str) -> list[Element]:
        """All elements with their counters; [] where the set or table is not there.

        DumpInterrupted where the table kept changing under the reader.
        """
        request = self._message(GETSETELEM, 0, set_name)
        for attempt in range(1, _DUMP_ATTEMPTS + 1):
            try:
                return [element for payload in self._netlink.dump(request) for element in _elements(set_name, payload)]
            except DumpInterrupted:
                if attempt == _DUMP_ATTEMPTS:
                    raise
            except FileNotFoundError:
                break
        return []

    def tallies(self, set_name: str) -> Iterator[dict[bytes, Tally]]:
        """By key, as many at a time as the kernel gives in one go; with gaps where the set changes under the reader.

        This table must not be asked anything else before the end.
        """
        try:
            for payloads in self._netlink.stream(self._message(GETSETELEM, 0, set_name)):
                yield dict(each for payload in payloads for each in _tallies(payload))
        except (DumpInterrupted, FileNotFoundError):
            return

    def get(self, element: Element) -> Element | None:
        """The element as it stands in the kernel now."""
        request = self._message(GETSETELEM, 0, element.set, _key(element))
        try:
            found = [each for payload in self._netlink.get(request) for each in _elements(element.set, payload)]
        except FileNotFoundError:
            return None
        return found[0] if found else None

    def _message(self, kind: int, flags: int, set_name: str, *elements: bytes) -> Message:
        payload = self._sets.get(set_name)
        if payload is None:
            payload = self._sets[set_name] = self._table + attribute(SET_ELEM_LIST_SET, set_name.encode() + b"\0")
        if elements:
            payload += nested(SET_ELEM_LIST_ELEMENTS, *elements)
        return Message(kind, flags, NFPROTO_INET, payload)


def _created(element: Element) -> int:
    """The same again is a conflict only where it has a time of its own: that would have to be renewed."""
    return NLM_F_CREATE | NLM_F_EXCL if element.timeout else NLM_F_CREATE


def _few(elements: list[bytes]) -> Iterator[list[bytes]]:
    """As many as a message holds."""
    for at in range(0, len(elements), _TOGETHER):
        yield elements[at : at + _TOGETHER]


@lru_cache(64)
def _heads_of_value(kind: int, size: int) -> bytes:
    """What stands in front of a key or data of that many octets, which are a multiple of four."""
    return nested(kind, attribute(DATA_VALUE, bytes(size)))[:-size]


def _key(element: Element) -> bytes:
    return nested(LIST_ELEM, _heads_of_value(SET_ELEM_KEY, len(element.key)) + element.key)


def _whole(element: Element) -> bytes:
    parts = [_heads_of_value(SET_ELEM_KEY, len(element.key)), element.key]
    if element.data:
        parts += (_heads_of_value(SET_ELEM_DATA, len(element.data)), element.data)
    if element.timeout:
        parts.append(attribute(SET_ELEM_TIMEOUT, _U64.pack(int(element.timeout * 1000))))
    if element.comment:
        comment = element.comment.encode() + b"\0"
        parts.append(attribute(SET_ELEM_USERDATA, bytes((UDATA_COMMENT, len(comment))) + comment))
    if element.packets:
        size = attribute(COUNTER_BYTES, _U64.pack(element.bytes))
        packets = attribute(COUNTER_PACKETS, _U64.pack(element.packets))
        parts.append(nested(SET_ELEM_EXPR, attribute(EXPR_NAME, b"counter\0"), nested(EXPR_DATA, size, packets)))
    return nested(LIST_ELEM, *parts)


def _elements(set_name: str, payload: bytes) -> list[Element]:
    return [
        _element(set_name, dict(attributes(item)))
        for kind, items in attributes(payload)
        if kind == SET_ELEM_LIST_ELEMENTS
        for _, item in attributes(items)
    ]


def _tallies(payload: bytes) -> Iterator[tuple[bytes, Tally]]:
    """As `_elements`, but only what a Tally has, and found where the kernel puts it: all pinholes are counted twice a
    second. Behind an element's key stands its counter, somewhere behind that its time.
    """
    at, end = 0, len(payload)
    while at < end:  # the table's name, the set's name, the elements
        length, kind = _HEADER.unpack_from(payload, at)
        if kind & KIND_MASK == SET_ELEM_LIST_ELEMENTS:
            break
        at += (length + 3) & ~3
    at += _HEADER.size
    while at < end:
        length, _, _, _, size, _ = _HEADERS.unpack_from(payload, at)
        behind = at + ((length + 3) & ~3)
        start = at + _HEADERS.size
        then = at + 2 * _HEADER.size + size  # size: of the key with its own header, a multiple of four
        length, kind = _HEADER.unpack_from(payload, then)
        packets, expires, now = 0, 0, then
        if kind & KIND_MASK == SET_ELEM_EXPR:
            packets = _U64.unpack_from(payload, then + _HEADER.size + _PACKETS_AT)[0]
        while now < behind:
            length, kind = _HEADER.unpack_from(payload, now)
            if kind == SET_ELEM_EXPIRATION:
                expires = _U64.unpack_from(payload, now + _HEADER.size)[0]
                break
            now += (length + 3) & ~3
        yield payload[start:then], Tally(packets, expires / 1000)
        at = behind


def _element(set_name: str, fields: dict[int, bytes]) -> Element:
    packets = size = 0
    if SET_ELEM_EXPR in fields:
        expression = dict(attributes(fields[SET_ELEM_EXPR]))
        if expression[EXPR_NAME] == b"counter\0":
            counts = dict(attributes(expression[EXPR_DATA]))
            packets, size = _number(counts[COUNTER_PACKETS]), _number(counts[COUNTER_BYTES])
    comment = fields.get(SET_ELEM_USERDATA, b"")
    return Element(
        set=set_name,
        key=dict(attributes(fields[SET_ELEM_KEY]))[DATA_VALUE],
        data=dict(attributes(fields[SET_ELEM_DATA]))[DATA_VALUE] if SET_ELEM_DATA in fields else b"",
        timeout=_number(fields.get(SET_ELEM_TIMEOUT)) / 1000,
        comment=comment[2:].rstrip(b"\0").decode(errors="replace") if comment[:1] == bytes((UDATA_COMMENT,)) else "",
        expires=_number(fields.get(SET_ELEM_EXPIRATION)) / 1000,
        packets=packets,
        bytes=size,
    )


def _number(value: bytes | None) -> int:
    return int.from_bytes(value, "big") if value else 0
