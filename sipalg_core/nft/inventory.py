# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands in a table of family inet, by raw netlink: names of chains and sets, what rules ask, count and go to.

libnftables reads every element of every set before it lists anything: beside 100,000 ranges that is seconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sipalg_core.nft.netlink import DumpInterrupted, Message, NetlinkSocket, attribute, attributes
from sipalg_core.nft.nf_tables import (
    CHAIN_NAME,
    COUNTER_BYTES,
    COUNTER_PACKETS,
    DATA_VERDICT,
    EXPR_DATA,
    EXPR_NAME,
    GETCHAIN,
    GETRULE,
    GETSET,
    GOTO,
    IMMEDIATE_DATA,
    LOOKUP_SET,
    NFPROTO_INET,
    RULE_CHAIN,
    RULE_EXPRESSIONS,
    RULE_USERDATA,
    SET_NAME,
    TABLE,
    UDATA_COMMENT,
    VERDICT_CHAIN,
    VERDICT_CODE,
)

_GOTO: Final = GOTO.to_bytes(4, "big", signed=True)

_ATTEMPTS: Final = 20


class Counted(NamedTuple):
    """A rule's comment, and its counter."""

    comment: str
    packets: int
    bytes: int


class Inventory:
    """Of one table, in the network namespace of the socket."""

    def __init__(self, table: str, netlink: NetlinkSocket) -> None:
        self._name = table.encode() + b"\0"
        self._netlink = netlink

    def chains(self) -> list[str]:
        return self._names(GETCHAIN, CHAIN_NAME)

    def sets(self) -> list[str]:
        return self._names(GETSET, SET_NAME)

    def gotos(self, chain: str) -> list[str]:
        """Where the rules of a chain go to, in order."""
        expressions = (each for payload in self._rules(chain) for each in _expressions(payload))
        return [target for name, data in expressions if name == b"immediate" for target in _goto(data)]

    def asked(self, *prefixes: str) -> set[str]:
        """Named sets whose names begin like one of these and that some rule looks into."""
        beginnings = [each.encode() for each in prefixes]
        found = {
            dict(attributes(data))[LOOKUP_SET].rstrip(b"\0").decode()
            for payload in self._rules()
            if any(each in payload for each in beginnings)
            for name, data in _expressions(payload)
            if name == b"lookup"
        }
        return {name for name in found if name.startswith(prefixes)}

    def counters(self) -> list[Counted]:
        """Of the rules that have comment and counter."""
        return [counted for payload in self._rules() for counted in _counted(payload)]

    def _names(self, kind: int, name: int) -> list[str]:
        found = [dict(attributes(payload)) for payload in self._dump(Message(kind, 0, NFPROTO_INET, self._table()))]
        return [each[name].rstrip(b"\0").decode() for each in found if each[TABLE] == self._name]

    def _rules(self, chain: str = "") -> list[bytes]:
        place = attribute(RULE_CHAIN, chain.encode() + b"\0") if chain else b""
        return self._dump(Message(GETRULE, 0, NFPROTO_INET, self._table() + place))

    def _table(self) -> bytes:
        return attribute(TABLE, self._name)

    def _dump(self, request: Message) -> list[bytes]:
        """The kernel says that a dump was disturbed whenever any table changed meanwhile, a pinhole's element too: what
        comes out twice the same was not.
        """
        before: list[bytes] | None = None
        for _ in range(_ATTEMPTS):
            payloads: list[bytes] = []
            try:
                for some in self._netlink.stream(request):
                    payloads += some
            except FileNotFoundError:
                return []
            except DumpInterrupted:
                if payloads == before:
                    return payloads
                before = payloads
            else:
                return payloads
        raise DumpInterrupted


def _expressions(payload: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and data of each, in order."""
    for _, item in attributes(dict(attributes(payload)).get(RULE_EXPRESSIONS, b"")):
        fields = dict(attributes(item))
        yield fields[EXPR_NAME].rstrip(b"\0"), fields.get(EXPR_DATA, b"")


def _goto(data: bytes) -> Iterator[str]:
    value = dict(attributes(dict(attributes(data)).get(IMMEDIATE_DATA, b"")))
    verdict = dict(attributes(value.get(DATA_VERDICT, b"")))
    if verdict.get(VERDICT_CODE) == _GOTO:
        yield verdict[VERDICT_CHAIN].rstrip(b"\0").decode()


def _counted(payload: bytes) -> Iterator[Counted]:
    userdata = dict(attributes(payload)).get(RULE_USERDATA, b"")
    if userdata[:1] != bytes((UDATA_COMMENT,)):
        return
    comment = userdata[2 : 2 + userdata[1]].rstrip(b"\0").decode(errors="replace")
    for name, data in _expressions(payload):
        if name == b"counter":
            counts = dict(attributes(data))
            packets, size = counts[COUNTER_PACKETS], counts[COUNTER_BYTES]
            yield Counted(comment, int.from_bytes(packets, "big"), int.from_bytes(size, "big"))
