# SPDX-License-Identifier: GPL-2.0-or-later
"""Ping and trace without any privilege: datagrams whose errors the kernel tells the sender (ip(7), IP_RECVERR).

A ping is ICMP where the system lets everybody send it (`net.ipv4.ping_group_range`), else a datagram to a port where
nobody listens, which the host itself answers.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final, NamedTuple

from appliance.probes.hosts import address_of
from appliance.probes.results import Mark, Question, Said, said

# --- Specification: linux/in.h, linux/in6.h, linux/errqueue.h; RFC 792, 4443 ---

_IP_RECVERR, _IPV6_RECVERR = 11, 25
_MSG_ERRQUEUE: Final = 0x2000
_ERROR: Final = struct.Struct("=IBBBBII")
_ECHO, _ECHO6 = 8, 128
_NOBODY: Final = 33434  # the port that traces have always used

# --- Implementation constants ---

_PINGS: Final = 4
_HOPS: Final = 16
_PATIENCE: Final = 1.0  # s
BETWEEN: Final = 0.5  # s between two pings: a host says so often, and no oftener, that nobody listens at a port


class _Back(NamedTuple):
    host: str
    ms: float
    error: int  # errno; 0 for an answer of the host itself


def ping(question: Question) -> Iterator[Said]:
    address = address_of(question)
    if address is None:
        yield said("no-address", "error", host=question["host"])
        return
    answered = 0
    for number in range(1, _PINGS + 1):
        if number > 1:
            time.sleep(BETWEEN)
        back = _echo(address, number) or _datagram(address, 0)
        reached = back is not None and back.error in (0, errno.ECONNREFUSED)
        answered += reached
        if back is None:
            yield said("ping-silent", "warning", number=number)
        elif reached:
            yield said("ping-answered", "ok", back.ms, number=number, host=back.host)
        else:
            yield said("ping-unreachable", "error", back.ms, host=back.host, error=os.strerror(back.error))
    mark: Mark = "ok" if answered == _PINGS else "warning" if answered else "error"
    yield said("ping-sum", mark, host=address, answered=answered, sent=_PINGS)


def trace(question: Question) -> Iterator[Said]:
    address = address_of(question)
    if address is None:
        yield said("no-address", "error", host=question["host"])
        return
    for hop in range(1, _HOPS + 1):
        back = _datagram(address, hop)
        if back is None:
            yield said("hop-silent", "hint", hop=hop)
        elif back.error == errno.EHOSTUNREACH and back.host != address:
            yield said("hop", "ok", back.ms, hop=hop, host=back.host)
        elif back.error in (0, errno.ECONNREFUSED):
            yield said("hop-last", "ok", back.ms, hop=hop, host=back.host)
            return
        else:
            yield said("ping-unreachable", "error", back.ms, host=back.host, error=os.strerror(back.error))
            return
    yield said("trace-too-far", "warning", host=address, hops=_HOPS)


def _echo(address: str, number: int) -> _Back | None:
    """By ICMP; None where nothing comes, or where the system forbids it."""
    six = ":" in address
    family, protocol = (socket.AF_INET6, socket.IPPROTO_ICMPV6) if six else (socket.AF_INET, socket.IPPROTO_ICMP)
    try:
        wire = socket.socket(family, socket.SOCK_DGRAM, protocol)
    except PermissionError:
        return None
    with wire:
        wire.settimeout(_PATIENCE)
        began = time.monotonic()
        try:
            wire.sendto(struct.pack("!BBHHH", _ECHO6 if six else _ECHO, 0, 0, 0, number) + bytes(24), (address, 0))
            _, sender = wire.recvfrom(512)
        except OSError:
            return None
        return _Back(sender[0], (time.monotonic() - began) * 1000, 0)


def _datagram(address: str, hops: int) -> _Back | None:
    """The first thing that comes of it; `hops` 0: as far as it may go."""
    six = ":" in address
    with socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM) as wire:
        if six:
            wire.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
        else:
            wire.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
        if hops:
            level, option = (
                (socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS) if six else (socket.IPPROTO_IP, socket.IP_TTL)
            )
            wire.setsockopt(level, option, hops)
        began = time.monotonic()
        try:
            wire.sendto(bytes(24), (address, _NOBODY + hops))
        except OSError as error:
            return _Back(address, 0.0, error.errno or errno.EIO)
        poller = select.poll()
        poller.register(wire, select.POLLIN | select.POLLERR)
        if not poller.poll(_PATIENCE * 1000):
            return None
        took = (time.monotonic() - began) * 1000
        return _error(wire, address, took)


def _error(wire: socket.socket, address: str, took: float) -> _Back:
    try:
        _, control, _, _ = wire.recvmsg(64, 512, _MSG_ERRQUEUE | socket.MSG_DONTWAIT)
    except OSError:
        return _Back(address, took, 0)  # somebody does listen there
    for _level, _kind, value in control:
        if len(value) >= _ERROR.size + 8:
            number, *_ = _ERROR.unpack_from(value)
            family = int.from_bytes(value[_ERROR.size : _ERROR.size + 2], "little")
            at, size = (_ERROR.size + 8, 16) if family == socket.AF_INET6 else (_ERROR.size + 4, 4)
            offender = value[at : at + size]
            return _Back(str(ip_address(offender)) if len(offender) == size else address, took, number)
    return _Back(address, took, 0)
