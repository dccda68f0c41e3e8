# SPDX-License-Identifier: GPL-2.0-or-later
"""Which sockets listen in this network namespace, read from /proc/net (proc(5)). Runs in netadmin."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

# --- Specification: linux/include/net/tcp_states.h ---

_LISTEN: Final = "0A"
_UNCONNECTED: Final = "07"
_TABLES: Final = (("tcp", _LISTEN), ("tcp6", _LISTEN), ("udp", _UNCONNECTED), ("udp6", _UNCONNECTED))


def listening() -> list[dict[str, str | int]]:
    """Protocol, address and port; addresses of this machine alone are left out."""
    found = {each for table, state in _TABLES for each in _of(table, state)}
    return [{"protocol": protocol, "address": address, "port": port} for protocol, port, address in sorted(found)]


def _of(table: str, state: str) -> Iterator[tuple[str, int, str]]:
    path = Path("/proc/net") / table
    for line in path.read_text().splitlines()[1:] if path.exists() else ():
        parts = line.split()
        host, _colon, port = parts[1].partition(":")
        address = ipaddress.ip_address(b"".join(struct.pack("=I", word) for word in _words(host)))
        if parts[3] == state and not address.is_loopback:
            yield table.removesuffix("6"), int(port, 16), str(address)


def _words(text: str) -> list[int]:
    """The kernel writes each 32-bit word as this machine has it in memory."""
    return [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
