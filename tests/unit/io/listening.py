# SPDX-License-Identifier: GPL-2.0-or-later
"""A broker's socket whose answers a test decides: for faults that a real broker cannot be brought to."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sipalg_core.contract.control import Request, unpack_request

Answer = Callable[[socket.socket, Request], None]


@contextmanager
def listening(path: Path, answer: Answer) -> Iterator[list[Request]]:
    """A broker that answers each connection until its peer or the block ends; yields what it was asked."""
    asked: list[Request] = []
    peers: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            peers.append(peer)
            while record := peer.recv(256):
                asked.append(unpack_request(record))
                answer(peer, asked[-1])

    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(path))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield asked
        finally:
            for each in (*peers, listener):
                with suppress(OSError):  # the peer may have gone first
                    each.shutdown(socket.SHUT_RDWR)
            thread.join()
            for peer in peers:
                peer.close()
            path.unlink()
