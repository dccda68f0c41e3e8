# SPDX-License-Identifier: GPL-2.0-or-later
"""Raw nfnetlink: attributes, messages, and a socket for requests, batches and dumps. Knows no nftables object."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import repeat
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
NESTED: Final = 0x8000
KIND_MASK: Final = 0x3FFF
_PADDING: Final = (b"", b"\0\0\0", b"\0\0", b"\0")

# --- Implementation constants ---

RECEIVE_SIZE: Final = 262_144  # the kernel sends dumps in messages of up to 32 KiB, or of what is asked for at a time
_ANSWER_SIZE: Final = 8192  # of acknowledgements; a large buffer costs more than the system call
_TIMEOUT: Final = 2.0  # seconds; the kernel answers at once, or not at all because the receive buffer ran over


class Message(NamedTuple):
    kind: int  # subsystem << 8 | message
    flags: int
    family: int
    payload: bytes
    resource: int = 0  # of nfnetlink's own header


def attribute(kind: int, value: bytes) -> bytes:
    size = len(value)
    return _attribute_head(kind, size) + value + _PADDING[size % 4]


@lru_cache(1024)
def _attribute_head(kind: int, size: int) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + size, kind)


def nested(kind: int, *attributes: bytes) -> bytes:
    return attribute(kind | NESTED, b"".join(attributes))


def attributes(payload: bytes) -> list[tuple[int, bytes]]:
    found = []
    at, end = 0, len(payload) - _ATTRIBUTE.size
    while at <= end:
        length, kind = _ATTRIBUTE.unpack_from(payload, at)
        if length < _ATTRIBUTE.size:
            raise ValueError(f"netlink attribute of {length} bytes")
        found.append((kind & KIND_MASK, payload[at + _ATTRIBUTE.size : at + length]))
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
        return self.requests([message])[0]

    def requests(self, messages: Sequence[Message]) -> list[int]:
        """In one system call; the errno of each. What one of them comes to is nothing to the others."""
        sequences = [self._next() for _ in messages]
        self._socket.send(b"".join(map(_encode, messages, repeat(NLM_F_ACK), sequences)))
        answers: dict[int, int] = {}
        while not all(sequence in answers for sequence in sequences):
            answers.update(self._errors())
        return [answers[sequence] for sequence in sequences]

    def batch(self, subsystem: int, messages: Sequence[Message]) -> list[int]:
        """Send them as one transaction; the errno of each. If any is not 0, the kernel has done nothing at all.

        Errors are told of every message, success only of the last: it comes behind all errors.
        """
        begin, *sequences = [self._next() for _ in range(len(messages) + 1)]
        parts = [_encode(Message(_BATCH_BEGIN, 0, 0, b""), 0, begin, subsystem)]
        parts += map(_encode, messages, [0] * (len(messages) - 1) + [NLM_F_ACK], sequences)
        parts.append(_encode(Message(_BATCH_END, 0, 0, b""), 0, self._next(), subsystem))
        self._socket.send(b"".join(parts))
        answers: dict[int, int] = {}
        while sequences[-1] not in answers:
            answers.update(self._errors())
            code = answers.get(begin)
            if code:  # the batch as a whole was refused: no capability, no memory
                raise OSError(code, errno.errorcode.get(code, str(code)))
        return [answers.get(sequence, 0) for sequence in sequences]

    def dump(self, message: Message) -> list[bytes]:
        """Payloads of the answer. Raises OSError with the kernel's errno."""
        return [each for payloads in self._read(message, NLM_F_DUMP) for each in payloads]

    def get(self, message: Message) -> list[bytes]:
        """As `dump`, of what the message names."""
        return [each for payloads in self._read(message, NLM_F_ACK, _ANSWER_SIZE) for each in payloads]

    def stream(self, message: Message) -> Iterator[list[bytes]]:
        """As `dump`, payload by payload as the kernel gives them. Nothing else may use this socket until the end.

        DumpInterrupted, where it is raised, comes after all payloads.
        """
        return self._read(message, NLM_F_DUMP)

    def _read(self, message: Message, mode: int, size: int = 0) -> Iterator[list[bytes]]:
        sequence = self._next()
        self._socket.send(_encode(message, mode, sequence))
        interrupted = False
        while True:
            payloads: list[bytes] = []
            for kind, flags, answered, payload in self._receive(size or self._receive_size):
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

    def events(self, kind: int, patience: float) -> list[bytes]:
        """Payloads of the messages of this kind that come unasked, in one packet; [] after `patience` seconds.

        OSError (ENOBUFS) says that some were lost.
        """
        self._socket.settimeout(patience)
        try:
            told = list(self._receive(self._receive_size))
        except TimeoutError:
            return []
        finally:
            self._socket.settimeout(_TIMEOUT)
        return [payload[_NFGENMSG.size :] for each, _, _, payload in told if each == kind]

    def _next(self) -> int:
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        return self._sequence

    def _errors(self) -> Iterator[tuple[int, int]]:
        """Of one packet: sequence number and errno."""
        for kind, _, sequence, payload in self._receive(_ANSWER_SIZE):
            if kind == _NLMSG_ERROR:
                yield sequence, -_ERRNO.unpack_from(payload)[0]

    def _receive(self, size: int) -> Iterator[tuple[int, int, int, bytes]]:
        packet = self._socket.recv(size)
        at = 0
        while at + _HEADER.size <= len(packet):
            length, kind, flags, sequence, _ = _HEADER.unpack_from(packet, at)
            yield kind, flags, sequence, packet[at + _HEADER.size : at + length]
            at += (length + 3) & ~3


def _encode(message: Message, flags: int, sequence: int, resource: int = 0) -> bytes:
    payload = _NFGENMSG.pack(message.family, 0, resource or message.resource) + message.payload
    length = _HEADER.size + len(payload)
    return _HEADER.pack(length, message.kind, message.flags | flags | NLM_F_REQUEST, sequence, 0) + payload
