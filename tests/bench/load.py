# SPDX-License-Identifier: GPL-2.0-or-later
"""The load: datagrams handed to the kernel in one system call, awaited at the other end, with what they cost.

sendmmsg(2) keeps the generator out of the picture: about 1 µs of its own for a message, all else is the network's.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

PATIENCE: Final = 3.0
"""Seconds after which what has not arrived counts as lost."""
NAP: Final = 0.0005
"""Seconds between looks at what has come. A receiver that waits in the kernel is woken by every message, and whoever
sends it pays 10 µs for that; the box in front of a real provider does not."""
LARGEST: Final = 4096
_SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h; Python has no name for it
_STAMP: Final = struct.Struct("=qq")


class _Iovec(ctypes.Structure):
    _fields_ = [("start", ctypes.c_char_p), ("length", ctypes.c_size_t)]


class _Header(ctypes.Structure):
    """struct msghdr of a connected socket (sendmsg(2))."""

    _fields_ = [
        ("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.POINTER(_Iovec)),
        ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]  # fmt: skip


class _Message(ctypes.Structure):
    """struct mmsghdr (sendmmsg(2))."""

    _fields_ = [("header", _Header), ("sent", ctypes.c_uint)]


_libc = ctypes.CDLL(None, use_errno=True)


class Lost(AssertionError):
    """Not every message arrived."""


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU is in seconds; `sender` holds all that the kernel did in the sender's softirq, forwarding included."""

    messages: int = 0
    wall: float = 0.0
    sender: float = 0.0
    processes: float = 0.0  # engine and broker

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.messages + other.messages,
            self.wall + other.wall,
            self.sender + other.sender,
            self.processes + other.processes,
        )

    @property
    def cpu(self) -> float:
        """Microseconds of one core for a message."""
        return (self.sender + self.processes) / self.messages * 1e6

    @property
    def rate(self) -> float:
        """Messages a second through the wire, generator and receiver included."""
        return self.messages / self.wall


def send_all(sender: socket.socket, messages: Sequence[bytes]) -> float:
    """Send from a connected socket; the CPU seconds of this thread that it took."""
    parts = (_Iovec * len(messages))(*(_Iovec(each, len(each)) for each in messages))
    batch = (_Message * len(messages))()
    for message, part in zip(batch, parts, strict=True):
        message.header.iov, message.header.iovlen = ctypes.pointer(part), 1
    before = time.thread_time()
    sent = _libc.sendmmsg(sender.fileno(), batch, len(messages), 0)
    spent = time.thread_time() - before
    if sent != len(messages):
        raise OSError(ctypes.get_errno(), f"sendmmsg took {sent} of {len(messages)}")
    return spent


def receive_all(receiver: socket.socket, count: int) -> list[bytes]:
    """Wait for that many datagrams. Raises Lost where they do not come."""
    arrived: list[bytes] = []
    deadline = time.monotonic() + PATIENCE
    while len(arrived) < count:
        try:
            arrived.append(receiver.recv(LARGEST, socket.MSG_DONTWAIT))
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Lost(f"{len(arrived)} of {count} messages arrived") from None
            time.sleep(NAP)
    return arrived


def burst(
    sender: socket.socket, receiver: socket.socket, messages: Sequence[bytes], processes: Callable[[], float]
) -> tuple[Cost, list[bytes]]:
    """All messages at once, and all awaited. `processes` tells the CPU seconds of what stands between."""
    spent_before = processes()
    began = time.perf_counter()
    spent = send_all(sender, messages)
    arrived = receive_all(receiver, len(messages))
    wall = time.perf_counter() - began
    return Cost(len(messages), wall, spent, processes() - spent_before), arrived


def stamped(receiver: socket.socket) -> None:
    """From now on the kernel notes when a datagram came."""
    receiver.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    receiver.settimeout(PATIENCE)


def journey(sender: socket.socket, receiver: socket.socket, message: bytes) -> float:
    """Milliseconds from `send` until the kernel has it at the other end, whenever we are given a processor to look."""
    began = time.time_ns()
    sender.send(message)
    ((_, _, stamp),) = receiver.recvmsg(LARGEST, 256)[1]
    seconds, nanoseconds = _STAMP.unpack(stamp)
    return (seconds * 10**9 + nanoseconds - began) / 1e6
