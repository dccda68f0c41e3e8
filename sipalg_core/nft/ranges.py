# SPDX-License-Identifier: GPL-2.0-or-later
"""Members of sets of addresses by raw netlink, a thousand at a time: hosts, or ranges concatenated with any protocol.

libnftables takes ten times as long, and keeps the commit lock for all of it.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from sipalg_core.nft.netlink import (
    NLM_F_CREATE,
    RECEIVE_SIZE,
    DumpInterrupted,
    Message,
    NetlinkSocket,
    attribute,
    attributes,
    nested,
)

# --- Specification: linux/netfilter/nf_tables.h ---

_NFNL_SUBSYS_NFTABLES: Final = 10
_NEWSETELEM: Final = _NFNL_SUBSYS_NFTABLES << 8 | 12
_GETSETELEM: Final = _NFNL_SUBSYS_NFTABLES << 8 | 13
_DELSETELEM: Final = _NFNL_SUBSYS_NFTABLES << 8 | 14
_DELSET: Final = _NFNL_SUBSYS_NFTABLES << 8 | 11
_NFPROTO_INET: Final = 1
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS, _LIST_ELEM = 1, 2, 3, 1
_KEY, _KEY_END, _DATA_VALUE = 1, 10, 1
_NESTED: Final = 0x8000
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
        self._table = attribute(_LIST_TABLE, table.encode() + b"\0")
        self._netlink = NetlinkSocket(RECEIVE_SIZE)

    def close(self) -> None:
        self._netlink.close()

    def change(self, name: str, *, delete: Sequence[Member] = (), add: Sequence[Member] = ()) -> None:
        """One transaction, deletions first, all or nothing; a thousand members hold the commit lock for some 20 ms."""
        messages = [*self._messages(_DELSETELEM, 0, name, delete)]
        messages += self._messages(_NEWSETELEM, NLM_F_CREATE, name, add)
        for code in self._netlink.batch(_NFNL_SUBSYS_NFTABLES, messages) if messages else ():
            if code:
                raise OSError(code, f"set {name}: {errno.errorcode.get(code, str(code))}")

    def delete_sets(self, names: Sequence[str]) -> None:
        """All of them or none; OSError where one is not there or a rule asks it."""
        messages = [Message(_DELSET, 0, _NFPROTO_INET, self._table + _name(name)) for name in names]
        for name, code in zip(names, self._netlink.batch(_NFNL_SUBSYS_NFTABLES, messages), strict=True):
            if code:
                raise OSError(code, f"set {name}: {errno.errorcode.get(code, str(code))}")

    def members(self, name: str) -> list[Member]:
        """As the kernel holds them; [] where the set or table is not there."""
        request = Message(_GETSETELEM, 0, _NFPROTO_INET, self._table + _name(name))
        for attempt in range(1, _DUMP_ATTEMPTS + 1):
            try:
                return [member for payload in self._netlink.dump(request) for member in _members(payload)]
            except DumpInterrupted:
                if attempt == _DUMP_ATTEMPTS:
                    raise
            except FileNotFoundError:
                break
        return []

    def _messages(self, kind: int, flags: int, name: str, members: Sequence[Member]) -> Iterator[Message]:
        for at in range(0, len(members), _PER_MESSAGE):
            elements = nested(_LIST_ELEMENTS, *map(_element, members[at : at + _PER_MESSAGE]))
            yield Message(kind, flags, _NFPROTO_INET, self._table + _name(name) + elements)


def _name(name: str) -> bytes:
    return attribute(_LIST_SET, name.encode() + b"\0")


def _element(member: Member) -> bytes:
    if not member.last:
        return _attribute(_LIST_ELEM | _NESTED, _value(_KEY, member.first))
    first, last = member.first + _ANY_PROTOCOL[0], member.last + _ANY_PROTOCOL[1]
    return _attribute(_LIST_ELEM | _NESTED, _value(_KEY, first) + _value(_KEY_END, last))


def _value(kind: int, key: bytes) -> bytes:
    return _attribute(kind | _NESTED, _attribute(_DATA_VALUE, key))


def _attribute(kind: int, value: bytes) -> bytes:
    """As `netlink.attribute`, for what has a length of fours anyway."""
    return _HEADER.pack(_HEADER.size + len(value), kind) + value


def _members(payload: bytes) -> Iterator[Member]:
    for kind, items in attributes(payload):
        for _, item in attributes(items) if kind == _LIST_ELEMENTS else ():
            fields = dict(attributes(item))
            first = dict(attributes(fields[_KEY]))[_DATA_VALUE]
            last = dict(attributes(fields[_KEY_END]))[_DATA_VALUE] if _KEY_END in fields else b""
            yield Member(first[:-4], last[:-4]) if last else Member(first)
