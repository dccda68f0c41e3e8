# SPDX-License-Identifier: GPL-2.0-or-later
"""Named counters of a table by raw netlink: one question, one answer, whatever else the table holds."""

from __future__ import annotations

from typing import Final

from sipalg_core.nft.netlink import Message, NetlinkSocket, attribute, attributes

# --- Specification: linux/netfilter/nf_tables.h ---

_GETOBJ: Final = 10 << 8 | 19
_NFPROTO_INET: Final = 1
_OBJ_TABLE, _OBJ_NAME, _OBJ_TYPE, _OBJ_DATA = 1, 2, 3, 4
_COUNTER: Final = 1
_COUNTER_PACKETS: Final = 2


class NamedCounters:
    """Those of one table of family inet."""

    def __init__(self, table: str) -> None:
        self._netlink = NetlinkSocket()
        name = attribute(_OBJ_TABLE, table.encode() + b"\0")
        kind = attribute(_OBJ_TYPE, _COUNTER.to_bytes(4, "big"))
        self._request = Message(_GETOBJ, 0, _NFPROTO_INET, name + kind)

    def close(self) -> None:
        self._netlink.close()

    def packets(self) -> dict[str, int]:
        """By name; {} where the table is not there. DumpInterrupted where the table changed meanwhile."""
        counted = {}
        for payload in self._netlink.dump(self._request):
            fields = dict(attributes(payload))
            name = fields[_OBJ_NAME].rstrip(b"\0").decode()
            counted[name] = int.from_bytes(dict(attributes(fields[_OBJ_DATA]))[_COUNTER_PACKETS], "big")
        return counted
