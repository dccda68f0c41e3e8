# SPDX-License-Identifier: GPL-2.0-or-later
"""The transparent UDP sockets: one a family and port, drained on every wake-up, used to send from their port."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import Counter
from collections.abc import Callable
from typing import Final

from sipalg_core.alg.effects import Forward
from sipalg_core.contract.control import wildcard
from sipalg_core.io import tproxy
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.net import Datagram, Endpoint

log = logging.getLogger(__name__)

_BATCH: Final = 512
"""Datagrams read at a wake-up before timers and the control socket get their turn; the rest waits in the kernel."""


class UdpSockets:
    """`take` gets every datagram of a batch, `rest` is called when the batch is over."""

    def __init__(
        self, broker: BrokerClient, counts: Counter[str], take: Callable[[Datagram], None], rest: Callable[[], None]
    ) -> None:
        self.sides: tproxy.Sides = {}
        self._broker = broker
        self._counts = counts
        self._take = take
        self._rest = rest
        self._sockets: dict[Endpoint, socket.socket] = {}

    def open(self, at: Endpoint) -> socket.socket | None:
        """The socket of that port; asks the broker for it the first time. None where there is none to be had."""
        known = self._sockets.get(at)
        if known is not None:
            return known
        reply, made = self._broker.transparent_socket(at)
        if made is None:
            self._counts[f"error:socket-{reply.why}"] += 1
            return None
        made.setblocking(False)
        self._sockets[at] = made
        asyncio.get_running_loop().add_reader(made, self._drain, made)
        log.info("listening at UDP %s", at)
        return made

    def send(self, forward: Forward) -> None:
        """Send it, or count why not. As with any UDP, nobody waits for it."""
        sock = self.open(wildcard(forward.source))
        if sock is None:
            self._counts["dropped:no-socket"] += 1
            return
        try:
            tproxy.send(sock, forward.data, forward.source.host, forward.destination)
        except OSError as error:
            self._counts[f"dropped:send-{errno.errorcode.get(error.errno or 0, 'error')}"] += 1

    def close(self) -> None:
        for sock in self._sockets.values():
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()
        self._sockets.clear()

    def _drain(self, sock: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                datagram = tproxy.receive(sock, self.sides)
            except BlockingIOError:
                break
            if datagram is None:
                self._counts["dropped:unknown-interface"] += 1
            else:
                self._take(datagram)
        self._rest()
