# SPDX-License-Identifier: GPL-2.0-or-later
"""Raw nfnetlink: attributes, messages, and a socket for requests, batches and dumps. Knows no nftables object."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

# --- Specification: linux/netlink.h, linux/netfilter/nfnetlink.h ---

NETLINK_NETFILTER: Final = 12
_SOL_NETLINK: Final = 270
_NETLINK_CAP_ACK: Final = 10  # do not send the whole request back with an acknowledgement

NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_DUMP_INTR: Final = 0x10
NLM_F_DUMP: Final = 0x300
NLM_F_EXCL: Final = 0x200
NLM_F_CREATE: Final = 0x400

_NLMSG_ERROR: Final = 2
_NLMSG_DONE: Final = 3
_BATCH_BEGIN: Final = 0x10
_BATCH_END: Final = 0x11

_HEADER: Final = struct.Struct("=IHHII")
_NFGENMSG: Final = struct.Struct("!BBH")
_ATTRIBUTE: Final = struct.Struct("=HH")
_ERRNO: Final = struct.Struct("=i")
_NESTED: Final = 0x8000
_KIND_MASK: Final = 0x3FFF

# --- Implementation constants ---

RECEIVE_SIZE: Final = 262_144  # the kernel sends dumps in messages of up to 32 KiB, or of what is asked for at a time
_TIMEOUT: Final = 2.0  # seconds; the kernel answers at once, or not at all because the receive buffer ran over


class Message(NamedTuple):
    kind: int  # subsystem << 8 | message
    flags: int
    family: int
    payload: bytes


def attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + b"\0" * (-length % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | _NESTED, b"".join(attributes))


def attributes(payload: bytes) -> list[tuple[int, bytes]]:
    found = []
    at, end = 0, len(payload) - _ATTRIBUTE.size
    while at <= end:
        length, kind = _ATTRIBUTE.unpack_from(payload, at)
        if length < _ATTRIBUTE.size:
            raise ValueError(f"netlink attribute of {length} bytes")
        found.append((kind & _KIND_MASK, payload[at + _ATTRIBUTE.size : at + length]))
        at += (length + 3) & ~3
    return found


class DumpInterrupted(Exception):
    """The dumped table changed meanwhile: what was read may have gaps."""


class NetlinkSocket:
    """Synchronous; belongs to the network namespace in which it was made."""

    def __init__(self, receive_size: int = RECEIVE_SIZE) -> None:
        self._receive_size = receive_size
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER)
        self._socket.bind((0, 0))
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket.settimeout(_TIMEOUT)
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def request(self, message: Message) -> int:
        """The kernel's errno, 0 for success."""
        sequence = self._next()
        self._socket.send(_encode(message, NLM_F_ACK, sequence))
        return self._acknowledgements({sequence})[sequence]

    def batch(self, subsystem: int, messages: Sequence[Message]) -> list[int]:
        """Send them as one transaction; the errno of each. If any is not 0, the kernel has done nothing at all."""
        begin = self._next()
        parts = [_encode(Message(_BATCH_BEGIN, 0, 0, b""), 0, begin, subsystem)]
        sequences = []
        for message in messages:
            sequences.append(self._next())
            parts.append(_encode(message, NLM_F_ACK, sequences[-1]))
        parts.append(_encode(Message(_BATCH_END, 0, 0, b""), 0, self._next(), subsystem))
        self._socket.send(b"".join(parts))
        answers = self._acknowledgements(set(sequences))
        return [answers[sequence] for sequence in sequences]

    def dump(self, message: Message) -> list[bytes]:
        """Payloads of the answer. Raises OSError with the kernel's errno."""
        return [each for payloads in self._read(message, NLM_F_DUMP) for each in payloads]

    def get(self, message: Message) -> list[bytes]:
        """As `dump`, of what the message names."""
        return [each for payloads in self._read(message, NLM_F_ACK) for each in payloads]

    def stream(self, message: Message) -> Iterator[list[bytes]]:
        """As `dump`, payload by payload as the kernel gives them. Nothing else may use this socket until the end.

        DumpInterrupted, where it is raised, comes after all payloads.
        """
        return self._read(message, NLM_F_DUMP)

    def _read(self, message: Message, mode: int) -> Iterator[list[bytes]]:
        sequence = self._next()
        self._socket.send(_encode(message, mode, sequence))
        interrupted = False
        while True:
            payloads: list[bytes] = []
            for kind, flags, answered, payload in self._receive():
                if answered != sequence:
                    continue
                interrupted |= bool(flags & NLM_F_DUMP_INTR)
                if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                    yield payloads
                    code = -_ERRNO.unpack_from(payload)[0] if len(payload) >= _ERRNO.size else 0
                    if code:
                        raise OSError(code, errno.errorcode.get(code, str(code)))
                    if interrupted:
                        raise DumpInterrupted
                    return
                payloads.append(payload[_NFGENMSG.size :])
            yield payloads

    def _next(self) -> int:
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        return self._sequence

    def _acknowledgements(self, waiting: set[int]) -> dict[int, int]:
        first = min(waiting)
        answers: dict[int, int] = {}
        while len(answers) < len(waiting):
            for kind, _, sequence, payload in self._receive():
                if kind != _NLMSG_ERROR:
                    continue
                code = -_ERRNO.unpack_from(payload)[0]
                if sequence in waiting:
                    answers[sequence] = code
                elif sequence == first - 1 and code:  # the batch as a whole was refused: no capability, no memory
                    raise OSError(code, errno.errorcode.get(code, str(code)))
        return answers

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        packet = self._socket.recv(self._receive_size)
        at = 0
        while at + _HEADER.size <= len(packet):
            length, kind, flags, sequence, _ = _HEADER.unpack_from(packet, at)
            yield kind, flags, sequence, packet[at + _HEADER.size : at + length]
            at += (length + 3) & ~3


def _encode(message: Message, flags: int, sequence: int, resource: int = 0) -> bytes:
    payload = _NFGENMSG.pack(message.family, 0, resource) + message.payload
    length = _HEADER.size + len(payload)
    return _HEADER.pack(length, message.kind, message.flags | flags | NLM_F_REQUEST, sequence, 0) + payload
