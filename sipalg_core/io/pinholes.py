# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's side of the broker's socket: synchronous, bounded in time. A dead broker is a failed reply."""

from __future__ import annotations

import errno
import logging
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from sipalg_core.contract.control import (
    BANNED,
    COUNTER,
    COUNTERS_PER_MESSAGE,
    KERNEL_REASONS,
    NO_PINHOLE,
    REPLY,
    STRAY,
    STRAYS_PER_MESSAGE,
    Banned,
    Counter,
    Op,
    Pinhole,
    Reply,
    Request,
    Status,
    Stray,
    pack_request,
    unpack_bans,
    unpack_counters,
    unpack_reply,
    unpack_strays,
)
from sipalg_core.net import Endpoint

log = logging.getLogger(__name__)

T = TypeVar("T")

# --- Implementation constants ---

ANSWER_TIMEOUT: Final = 0.25
"""Seconds the engine stands still at most: half of T1, so that nobody repeats meanwhile. The broker needs 0.1 ms, and
on a machine with too much to do a processor first."""
PAUSE: Final = 1.0  # seconds without another try after a timeout: a hung broker must not cost that for each message
_MESSAGE_SIZE: Final = max(COUNTERS_PER_MESSAGE * max(COUNTER.size, BANNED.size), STRAYS_PER_MESSAGE * STRAY.size)


class BrokerClient:
    """One connection; not for two threads at a time. Every failure to reach the broker is a Reply of status FAILED."""

    def __init__(self, path: Path, timeout: float = ANSWER_TIMEOUT) -> None:
        self._path = path
        self._timeout = timeout
        self._connection: socket.socket | None = None
        self._serial = 0
        self._paused_until = 0.0
        self._reached = True

    def open(self, *pinholes: Pinhole) -> Reply:
        """Together, all or none; `value` of a reply that is not OK is the place of the one at fault."""
        return self._ask(Op.OPEN, *pinholes)[0]

    def close(self, *pinholes: Pinhole) -> Reply:
        return self._ask(Op.CLOSE, *pinholes)[0]

    def reload(self) -> Reply:
        return self._ask(Op.RELOAD)[0]

    def transparent_socket(self, at: Endpoint) -> tuple[Reply, socket.socket | None]:
        """A non-blocking UDP socket of that wildcard address and port, where the reply is OK."""
        return self._ask_socket(Op.SOCKET, at)

    def transparent_stream(self, at: Endpoint) -> tuple[Reply, socket.socket | None]:
        """A non-blocking TCP socket bound there; a listening one where that is a wildcard address."""
        return self._ask_socket(Op.STREAM, at)

    def count(self) -> tuple[Reply, list[Counter]]:
        return self._ask_records(Op.COUNT, unpack_counters)

    def drops(self) -> dict[str, int]:
        """Packets that the kernel dropped, by reason; {} where the broker cannot be reached."""
        return {
            KERNEL_REASONS[counter.id]: counter.packets_in
            for counter in self._ask_records(Op.DROPS, unpack_counters)[1]
        }

    def ban(self, host: str, seconds: float) -> Reply:
        return self._ask(Op.BAN, NO_PINHOLE._replace(external=Endpoint(host, 0), lifetime=seconds))[0]

    def unban(self, host: str) -> Reply:
        return self._ask(Op.UNBAN, NO_PINHOLE._replace(external=Endpoint(host, 0)))[0]

    def bans(self) -> tuple[Reply, list[Banned]]:
        return self._ask_records(Op.BANS, unpack_bans)

    def strays(self) -> list[Stray]:
        """Media that fits no pinhole; [] where the broker cannot be reached."""
        return self._ask_records(Op.STRAYS, unpack_strays)[1]

    def disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, op: Op, *pinholes: Pinhole) -> tuple[Reply, list[int]]:
        if time.monotonic() < self._paused_until:
            return self._failed(errno.EHOSTDOWN), []
        fresh = self._connection is None
        try:
            return self._exchange(op, pinholes or (NO_PINHOLE,))
        except (BrokenPipeError, ConnectionResetError) as error:
            if fresh:
                return self._lost(error), []
        except (OSError, ValueError) as error:
            return self._lost(error), []
        self.disconnect()  # the broker was restarted since the last request: once more, with the new one
        return self._ask(op, *pinholes)

    def _ask_records(self, op: Op, unpack: Callable[[bytes], list[T]]) -> tuple[Reply, list[T]]:
        reply, _ = self._ask(op)
        records: list[T] = []
        try:
            while reply.status is Status.OK and len(records) < reply.value:
                assert self._connection is not None
                record = self._connection.recv(_MESSAGE_SIZE)
                if not record:
                    raise ConnectionResetError(errno.ECONNRESET, "the broker hung up")
                records += unpack(record)
        except (OSError, ValueError) as error:
            return self._lost(error), []
        return reply, records

    def _ask_socket(self, op: Op, at: Endpoint) -> tuple[Reply, socket.socket | None]:
        reply, descriptors = self._ask(op, NO_PINHOLE._replace(mapped=at))
        return reply, socket.socket(fileno=descriptors[0]) if descriptors else None

    def _exchange(self, op: Op, pinholes: tuple[Pinhole, ...]) -> tuple[Reply, list[int]]:
        connection = self._connected()
        self._serial = (self._serial + 1) & 0xFFFFFFFF
        connection.send(pack_request(Request(op, self._serial, pinholes[0], pinholes[1:])))
        record, descriptors, _, _ = socket.recv_fds(connection, REPLY.size, 1)
        if not record:
            raise ConnectionResetError(errno.ECONNRESET, "the broker hung up")
        reply = unpack_reply(record)
        if reply.serial != self._serial:
            raise ValueError(f"reply {reply.serial} to request {self._serial}")
        if not self._reached:
            log.info("broker is back")
        self._reached = True
        return reply, list(descriptors)

    def _connected(self) -> socket.socket:
        if self._connection is None:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
            connection.settimeout(self._timeout)
            try:
                connection.connect(str(self._path))
            except OSError:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _lost(self, error: OSError | ValueError) -> Reply:
        if self._reached:
            log.warning("broker at %s: %s; calls in progress go on, new ones get no media", self._path, error)
        self._reached = False
        self.disconnect()
        if isinstance(error, TimeoutError):
            self._paused_until = time.monotonic() + PAUSE
            return self._failed(errno.ETIMEDOUT)
        return self._failed((error.errno if isinstance(error, OSError) else None) or errno.EPROTO)

    def _failed(self, code: int) -> Reply:
        return Reply(self._serial, Status.FAILED, code)
