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


_MAXIMUM_BOUND: Final = 256
"""Sockets at other addresses than ours; a telephone has one, and a process has 1024 descriptors."""


class UdpSockets:
    """`take` gets every datagram of a batch, `rest` is called when the batch is over."""

    def __init__(
        self, broker: BrokerClient, counts: Counter[str], take: Callable[[Datagram], None], rest: Callable[[], None]
    ) -> None:
        self.flows = tproxy.Flows({})
        self.own: frozenset[str] = frozenset()  # our external addresses
        self.ports: frozenset[int] = frozenset()  # where everybody expects SIP
        self._broker = broker
        self._counts = counts
        self._take = take
        self._rest = rest
        self._sockets: dict[Endpoint, socket.socket] = {}
        self._bound: list[Endpoint] = []  # of them, those that are bound to an address, oldest first

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
        sock = self.open(self._place(forward.source))
        if sock is None:
            self._counts["dropped:no-socket"] += 1
            return
        try:
            tproxy.send(sock, forward.data, forward.source.host, forward.destination)
        except OSError as error:
            self._counts[f"dropped:send-{errno.errorcode.get(error.errno or 0, 'error')}"] += 1

    def _place(self, source: Endpoint) -> Endpoint:
        """Where a socket stands that can send from there, and takes what comes back: a wildcard one at our ports, one
        that is bound to the address where that is somebody else's and the port one that we may not take for all."""
        if source.host in self.own or source.port in self.ports or wildcard(source) in self._sockets:
            return wildcard(source)
        if source not in self._bound:
            while len(self._bound) >= _MAXIMUM_BOUND:
                self._end(self._bound.pop(0))
            self._bound.append(source)
        return source

    def _end(self, at: Endpoint) -> None:
        sock = self._sockets.pop(at, None)
        if sock is not None:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    def close(self) -> None:
        for sock in self._sockets.values():
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()
        self._sockets.clear()

    def _drain(self, sock: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                datagram = tproxy.receive(sock, self.flows)
            except BlockingIOError:
                break
            if datagram is None:
                self._counts["dropped:unknown-interface"] += 1
            else:
                self._take(datagram)
        self._rest()
