# SPDX-License-Identifier: GPL-2.0-or-later
"""Named counters of a table by raw netlink: one question, one answer, whatever else the table holds."""

from __future__ import annotations

from sipalg_core.nft.netlink import Message, NetlinkSocket, attribute, attributes
from sipalg_core.nft.nf_tables import (
    COUNTER_PACKETS,
    GETOBJ,
    NFPROTO_INET,
    OBJ_DATA,
    OBJ_NAME,
    OBJ_TABLE,
    OBJ_TYPE,
    OBJECT_COUNTER,
)


class NamedCounters:
    """Those of one table of family inet."""

    def __init__(self, table: str) -> None:
        self._netlink = NetlinkSocket()
        name = attribute(OBJ_TABLE, table.encode() + b"\0")
        kind = attribute(OBJ_TYPE, OBJECT_COUNTER.to_bytes(4, "big"))
        self._request = Message(GETOBJ, 0, NFPROTO_INET, name + kind)

    def close(self) -> None:
        self._netlink.close()

    def packets(self) -> dict[str, int]:
        """By name; {} where the table is not there. DumpInterrupted where the table changed meanwhile."""
        counted = {}
        for payload in self._netlink.dump(self._request):
            fields = dict(attributes(payload))
            name = fields[OBJ_NAME].rstrip(b"\0").decode()
            counted[name] = int.from_bytes(dict(attributes(fields[OBJ_DATA]))[COUNTER_PACKETS], "big")
        return counted
