# SPDX-License-Identifier: GPL-2.0-or-later
"""Transparent sockets of both transports and families: made with a capability, used without one."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Final, NamedTuple

from sipalg_core.net import Endpoint


class _Options(NamedTuple):
    """One family's numbers for the same three options."""

    level: int
    transparent: int
    original_destination: int
    packet_info: int


# --- Specification: linux/in.h, linux/in6.h, asm-generic/socket.h (Python's socket module has only some of them) ---

_OPTIONS: Final = {
    socket.AF_INET: _Options(socket.SOL_IP, 19, 20, 8),
    socket.AF_INET6: _Options(socket.IPPROTO_IPV6, 75, 74, 49),
}
_SO_RCVBUFFORCE: Final = 33

# --- Implementation constants ---

_RECEIVE_BUFFER: Final = 8 * 1024 * 1024  # bytes; a second of INVITEs while the engine is busy with something else
_BACKLOG: Final = 128


def transparent_udp(at: Endpoint) -> socket.socket:
    """Bound to a wildcard address; receives what TPROXY diverts to its port and sends from any address."""
    made, options = _transparent(socket.SOCK_DGRAM, at)
    try:
        made.setsockopt(options.level, options.original_destination, 1)
        made.setsockopt(options.level, options.packet_info, 1)
        with suppress(PermissionError):  # in a user namespace the kernel's own limit stands
            made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)
        made.bind(at)
    except OSError:
        made.close()
        raise
    return made


def transparent_tcp(at: Endpoint, *, listening: bool) -> socket.socket:
    """Bound to any address, of whomever: to take connections that TPROXY diverts, or to make one in that name."""
    made, _ = _transparent(socket.SOCK_STREAM, at)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # connections from the port that is listened at
        made.bind(at)
        if listening:
            made.listen(_BACKLOG)
    except OSError:
        made.close()
        raise
    return made


def _transparent(kind: socket.SocketKind, at: Endpoint) -> tuple[socket.socket, _Options]:
    family = socket.AF_INET6 if ":" in at.host else socket.AF_INET
    made, options = socket.socket(family, kind | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK), _OPTIONS[family]
    if family is socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    made.setsockopt(options.level, options.transparent, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a new engine beside the sockets of the old one
    return made, options
