# SPDX-License-Identifier: GPL-2.0-or-later
"""Transparent UDP sockets: made with a capability, used without one."""

from __future__ import annotations

import socket
from typing import Final

# --- Specification: linux/in.h, asm-generic/socket.h (not in Python's socket module before 3.12/3.14) ---

_IP_PKTINFO: Final = 8
_IP_TRANSPARENT: Final = 19
_IP_RECVORIGDSTADDR: Final = 20
_SO_RCVBUFFORCE: Final = 33

# --- Implementation constants ---

_RECEIVE_BUFFER: Final = 8 * 1024 * 1024  # bytes; a second of INVITEs while the engine is busy with something else


def transparent_udp(port: int) -> socket.socket:
    """Bound to the wildcard address; receives what TPROXY diverts to `port` and sends from any address."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        made.setsockopt(socket.SOL_IP, _IP_TRANSPARENT, 1)
        made.setsockopt(socket.SOL_IP, _IP_RECVORIGDSTADDR, 1)
        made.setsockopt(socket.SOL_IP, _IP_PKTINFO, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a new engine beside the sockets of the old one
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        made.bind(("0.0.0.0", port))  # noqa: S104
    except OSError:
        made.close()
        raise
    return made
