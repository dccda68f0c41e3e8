# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a diverted datagram was on its way to, and how to send from an address that is not ours: ancillary data."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from typing import Final

from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Datagram, Endpoint, Flow, Side, Transport

# --- Specification: ip(7), linux/in.h ---

_SOL_IP: Final = socket.SOL_IP
_IP_PKTINFO: Final = 8
_IP_ORIGDSTADDR: Final = 20
_PKTINFO: Final = struct.Struct("=i4s4s")  # ipi_ifindex, ipi_spec_dst, ipi_addr
_SOCKADDR_IN: Final = struct.Struct("=H2s4s8x")

_LARGEST: Final = 65_535
_ANCILLARY: Final = socket.CMSG_SPACE(_PKTINFO.size) + socket.CMSG_SPACE(_SOCKADDR_IN.size)

Sides = Mapping[int, Side]
"""Interface index → side."""


def sides(policy: AlgPolicy) -> dict[int, Side]:
    """The policy's interfaces that exist now; one that appears later is known after the next reload."""
    indexes = {name: index for index, name in socket.if_nameindex()}
    return {indexes[each.name]: each.side for each in policy.interfaces if each.name in indexes}


def receive(sock: socket.socket, of: Sides) -> Datagram | None:
    """The next datagram; None for one by no interface of the policy. BlockingIOError where none waits."""
    data, ancillary, _, source = sock.recvmsg(_LARGEST, _ANCILLARY)
    side: Side | None = None
    destination: Endpoint | None = None
    for level, kind, value in ancillary:
        if level != _SOL_IP:
            continue
        if kind == _IP_PKTINFO:
            side = of.get(_PKTINFO.unpack_from(value)[0])
        elif kind == _IP_ORIGDSTADDR:
            _, port, host = _SOCKADDR_IN.unpack_from(value)
            destination = Endpoint(socket.inet_ntoa(host), int.from_bytes(port, "big"))
    if side is None or destination is None:
        return None
    return Datagram(data, Flow(Transport.UDP, side, Endpoint(*source), destination))


def send(sock: socket.socket, data: bytes, source: str, destination: Endpoint) -> None:
    """From any address, and from the port that the socket is bound to."""
    pktinfo = _PKTINFO.pack(0, socket.inet_aton(source), b"\0\0\0\0")
    sock.sendmsg([data], [(_SOL_IP, _IP_PKTINFO, pktinfo)], 0, destination)
