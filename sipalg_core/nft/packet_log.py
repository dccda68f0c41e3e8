# SPDX-License-Identifier: GPL-2.0-or-later
"""What the kernel's `log group` statements say (NFLOG), by raw netlink: packets with prefix, mark and interfaces."""

from __future__ import annotations

import errno
import struct
import time
from typing import Final, NamedTuple

from sipalg_core.nft.netlink import Message, NetlinkSocket, attribute, attributes

# --- Specification: linux/netfilter/nfnetlink_log.h ---

_PACKET: Final = 4 << 8 | 0
_CONFIG: Final = 4 << 8 | 1
_CFG_COMMAND, _CFG_MODE, _CFG_TIMEOUT, _CFG_THRESHOLD = 1, 2, 4, 5
_BIND: Final = b"\x01"
_COPY_PACKET: Final = 2
_MARK, _TIMESTAMP, _IIF, _OIF, _PAYLOAD, _PREFIX = 2, 3, 4, 5, 9, 10
_U32: Final = struct.Struct("!I")
_TIME: Final = struct.Struct("!QQ")
_MODE: Final = struct.Struct("!IBx")

# --- Implementation constants ---

_TOGETHER: Final = 16  # packets that the kernel hands over at once, unless they wait this long:
_LONGEST_WAIT: Final = 10  # in units of 1/100 s


class Logged(NamedTuple):
    """`payload` begins with the IP header; an interface is its index, 0 for none."""

    prefix: str
    at: float  # Unix seconds
    mark: int
    iif: int
    oif: int
    payload: bytes


class PacketLog:
    """One group of the network namespace in which it was made; OSError (EPERM) where another socket has it."""

    def __init__(self, group: int, octets: int) -> None:
        self._netlink = NetlinkSocket()
        settings = (
            attribute(_CFG_COMMAND, _BIND),
            attribute(_CFG_MODE, _MODE.pack(octets, _COPY_PACKET)),
            attribute(_CFG_THRESHOLD, _U32.pack(_TOGETHER)) + attribute(_CFG_TIMEOUT, _U32.pack(_LONGEST_WAIT)),
        )
        for each in settings:
            refused = self._netlink.request(Message(_CONFIG, 0, 0, each, group))
            if refused:
                self.close()
                raise OSError(refused, errno.errorcode.get(refused, str(refused)))

    def close(self) -> None:
        self._netlink.close()

    def read(self, patience: float) -> list[Logged]:
        """What comes next, [] where nothing does within `patience` seconds; OSError (ENOBUFS) where lines were lost."""
        return [_logged(dict(attributes(payload))) for payload in self._netlink.events(_PACKET, patience)]


def _logged(fields: dict[int, bytes]) -> Logged:
    stamp = fields.get(_TIMESTAMP)
    seconds, micros = _TIME.unpack(stamp) if stamp else (0, 0)
    mark, iif, oif = (_U32.unpack(fields[each])[0] if each in fields else 0 for each in (_MARK, _IIF, _OIF))
    prefix = fields.get(_PREFIX, b"").rstrip(b"\0").decode(errors="replace").strip()
    return Logged(prefix, seconds + micros / 1e6 or time.time(), mark, iif, oif, fields.get(_PAYLOAD, b""))
