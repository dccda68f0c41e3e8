# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a diverted datagram was on its way to, and how to send from an address that is not ours: ancillary data."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Final

from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Datagram, Endpoint, Flow, Side, Transport

# --- Specification: ip(7), ipv6(7), linux/in.h, linux/in6.h ---

_SOL_IP: Final = socket.SOL_IP
_SOL_IPV6: Final = socket.IPPROTO_IPV6
_IP_PKTINFO, _IP_ORIGDSTADDR = 8, 20
_IPV6_PKTINFO, _IPV6_ORIGDSTADDR = 50, 74
_IN_PKTINFO: Final = struct.Struct("=i4s4s")  # ipi_ifindex, ipi_spec_dst, ipi_addr
_IN6_PKTINFO: Final = struct.Struct("=16si")  # ipi6_addr, ipi6_ifindex

_INTERFACE: Final = {(_SOL_IP, _IP_PKTINFO): struct.Struct("=i8x"), (_SOL_IPV6, _IPV6_PKTINFO): struct.Struct("=16xi")}
_DESTINATION: Final = {  # port and address of sockaddr_in and sockaddr_in6
    (_SOL_IP, _IP_ORIGDSTADDR): (socket.AF_INET, struct.Struct("=2x2s4s8x")),
    (_SOL_IPV6, _IPV6_ORIGDSTADDR): (socket.AF_INET6, struct.Struct("=2x2s4x16s4x")),
}

_LARGEST: Final = 65_535
_buffer: Final = memoryview(bytearray(_LARGEST))  # a fresh one for each datagram costs more than the system call
_REMEMBERED: Final = 4096
_ANCILLARY: Final = socket.CMSG_SPACE(_IN6_PKTINFO.size) + socket.CMSG_SPACE(28)  # sockaddr_in6

Sides = Mapping[int, Side]
"""Interface index → side."""


def sides(policy: AlgPolicy) -> dict[int, Side]:
    """The policy's interfaces that exist now; one that appears later is known after the next reload."""
    found: dict[int, Side] = {}
    for each in policy.interfaces:
        with suppress(OSError):
            found[socket.if_nametoindex(each.name)] = (
                each.side
            )  # if_nameindex would need netlink, which engines have not
    return found


class Flows:
    """Which flow a datagram is of, by its source and its ancillary data; remembered, since most flows go on."""

    def __init__(self, of: Sides) -> None:
        self._sides = of
        self._known: dict[tuple[object, ...], Flow | None] = {}

    def of(self, source: tuple[str, int], ancillary: list[tuple[int, int, bytes]]) -> Flow | None:
        """None for one by no interface of the policy."""
        key = (source, *ancillary)
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = self._read(source, ancillary)
        return self._known[key]

    def _read(self, source: tuple[str, int], ancillary: list[tuple[int, int, bytes]]) -> Flow | None:
        side: Side | None = None
        destination: Endpoint | None = None
        for level, kind, value in ancillary:
            if (level, kind) in _INTERFACE:
                side = self._sides.get(_INTERFACE[level, kind].unpack_from(value)[0])
            elif (level, kind) in _DESTINATION:
                family, form = _DESTINATION[level, kind]
                port, host = form.unpack_from(value)
                destination = Endpoint(socket.inet_ntop(family, host), int.from_bytes(port, "big"))
        if side is None or destination is None:
            return None
        return Flow(Transport.UDP, side, Endpoint(*source[:2]), destination)


def receive(sock: socket.socket, flows: Flows) -> Datagram | None:
    """The next datagram; None for one by no interface of the policy. BlockingIOError where none waits."""
    size, ancillary, _, source = sock.recvmsg_into([_buffer], _ANCILLARY)
    flow = flows.of(source, ancillary)
    return None if flow is None else Datagram(bytes(_buffer[:size]), flow)


def send(sock: socket.socket, data: bytes, source: str, destination: Endpoint) -> None:
    """From any address of the socket's family, and from the port that it is bound to."""
    sock.sendmsg((data,), _from(source), 0, destination)


@lru_cache(_REMEMBERED)
def _from(source: str) -> tuple[tuple[int, int, bytes]]:
    """The ancillary data that says so."""
    if ":" in source:
        return ((_SOL_IPV6, _IPV6_PKTINFO, _IN6_PKTINFO.pack(socket.inet_pton(socket.AF_INET6, source), 0)),)
    return ((_SOL_IP, _IP_PKTINFO, _IN_PKTINFO.pack(0, socket.inet_aton(source), b"\0\0\0\0")),)
