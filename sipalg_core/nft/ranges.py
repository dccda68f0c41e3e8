# SPDX-License-Identifier: GPL-2.0-or-later
"""Members of sets of addresses by raw netlink, a thousand at a time: hosts, or ranges concatenated with any protocol.

libnftables takes ten times as long, and keeps the commit lock for all of it.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Final, NamedTuple

from sipalg_core.nft.netlink import (
    NESTED,
    NLM_F_CREATE,
    RECEIVE_SIZE,
    DumpInterrupted,
    Message,
    NetlinkSocket,
    attribute,
    attributes,
    nested,
)
from sipalg_core.nft.nf_tables import (
    DATA_VALUE,
    DELSET,
    DELSETELEM,
    GETSETELEM,
    LIST_ELEM,
    NEWSETELEM,
    NFPROTO_INET,
    SET_ELEM_KEY,
    SET_ELEM_KEY_END,
    SET_ELEM_LIST_ELEMENTS,
    SET_ELEM_LIST_SET,
    SET_ELEM_LIST_TABLE,
    SUBSYSTEM,
)

# --- Specification: linux/netlink.h ---

_HEADER: Final = struct.Struct("=HH")

_ANY_PROTOCOL: Final = (b"\x00\0\0\0", b"\xff\0\0\0")
"""First and last, padded as each part of a key is."""

# --- Implementation constants ---

_PER_MESSAGE: Final = 500  # the list of elements is an attribute of at most 64 KiB
_DUMP_ATTEMPTS: Final = 5


class Member(NamedTuple):
    """A host (`last` is empty) or a range, as octets in network order."""

    first: bytes
    last: bytes = b""


class RangeTable:
    """The sets of one table of family inet, in the network namespace in which this was made."""

    def __init__(self, table: str) -> None:
        self._table = attribute(SET_ELEM_LIST_TABLE, table.encode() + b"\0")
        self._netlink = NetlinkSocket(RECEIVE_SIZE)

    def close(self) -> None:
        self._netlink.close()

    def change(self, name: str, *, delete: Sequence[Member] = (), add: Sequence[Member] = ()) -> None:
        """One transaction, deletions first, all or nothing; a thousand members hold the commit lock for some 20 ms."""
        gone, come = map(_element, delete), map(_element, add)
        self._commit(
            name, [*self._messages(DELSETELEM, 0, name, gone), *self._messages(NEWSETELEM, NLM_F_CREATE, name, come)]
        )

    def add_packed(self, name: str, octets: bytes, width: int) -> None:
        """As `change`, of ranges as they come from a file: first, last, first, last, …, in addresses of that width."""
        head, between, end = _around(width, ranged=True)
        elements = (
            head + octets[at : at + width] + between + octets[at + width : at + 2 * width] + end
            for at in range(0, len(octets), 2 * width)
        )
        self._commit(name, [*self._messages(NEWSETELEM, NLM_F_CREATE, name, elements)])

    def _commit(self, name: str, messages: list[Message]) -> None:
        for code in self._netlink.batch(SUBSYSTEM, messages) if messages else ():
            if code:
                raise OSError(code, f"set {name}: {errno.errorcode.get(code, str(code))}")

    def delete_sets(self, names: Sequence[str]) -> None:
        """All of them or none; OSError where one is not there or a rule asks it."""
        messages = [Message(DELSET, 0, NFPROTO_INET, self._table + _name(name)) for name in names]
        for name, code in zip(names, self._netlink.batch(SUBSYSTEM, messages), strict=True):
            if code:
                raise OSError(code, f"set {name}: {errno.errorcode.get(code, str(code))}")

    def members(self, name: str) -> list[Member]:
        """As the kernel holds them; [] where the set or table is not there."""
        request = Message(GETSETELEM, 0, NFPROTO_INET, self._table + _name(name))
        for attempt in range(1, _DUMP_ATTEMPTS + 1):
            try:
                return [member for payload in self._netlink.dump(request) for member in _members(payload)]
            except DumpInterrupted:
                if attempt == _DUMP_ATTEMPTS:
                    raise
            except FileNotFoundError:
                break
        return []

    def _messages(self, kind: int, flags: int, name: str, elements: Iterator[bytes]) -> Iterator[Message]:
        while some := tuple(islice(elements, _PER_MESSAGE)):
            payload = self._table + _name(name) + nested(SET_ELEM_LIST_ELEMENTS, *some)
            yield Message(kind, flags, NFPROTO_INET, payload)


def _name(name: str) -> bytes:
    return attribute(SET_ELEM_LIST_SET, name.encode() + b"\0")


def _element(member: Member) -> bytes:
    head, between, end = _around(len(member.first), ranged=bool(member.last))
    return head + member.first + between + member.last + end if member.last else head + member.first


@cache
def _around(width: int, *, ranged: bool) -> tuple[bytes, bytes, bytes]:
    """What stands before, between and behind the addresses of an element: there are a hundred thousand of them."""
    if not ranged:
        return _heads(width, SET_ELEM_KEY, 0), b"", b""
    first, last = _ANY_PROTOCOL
    size = width + len(first)
    rest = _heads(size, SET_ELEM_KEY_END, 0)[_HEADER.size :]
    return _heads(size, SET_ELEM_KEY, len(rest) + size), first + rest, last


def _heads(size: int, kind: int, more: int) -> bytes:
    """Of an element, a key of it, and the value of so many octets; `more` octets follow in the element."""
    nested_key = 2 * _HEADER.size + size
    return (
        _HEADER.pack(_HEADER.size + nested_key + more, LIST_ELEM | NESTED)
        + _HEADER.pack(nested_key, kind | NESTED)
        + _HEADER.pack(_HEADER.size + size, DATA_VALUE)
    )


def _members(payload: bytes) -> Iterator[Member]:
    for kind, items in attributes(payload):
        for _, item in attributes(items) if kind == SET_ELEM_LIST_ELEMENTS else ():
            fields = dict(attributes(item))
            first = dict(attributes(fields[SET_ELEM_KEY]))[DATA_VALUE]
            last = dict(attributes(fields[SET_ELEM_KEY_END]))[DATA_VALUE] if SET_ELEM_KEY_END in fields else b""
            yield Member(first[:-4], last[:-4]) if last else Member(first)
