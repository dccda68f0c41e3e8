# SPDX-License-Identifier: GPL-2.0-or-later
"""All TCP connections: which are taken, which are opened, and on which of them a message goes out.

A connection is terminated here and has a counterpart on the other side, opened when the first message goes there and
closed with it: what is not SIP never reaches the other side.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine
from typing import Final, NamedTuple

from sipalg_core.alg.effects import Forward
from sipalg_core.contract.control import Status, wildcard
from sipalg_core.io.connection import Connection
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.net import Datagram, Endpoint, Flow, Side, Transport

log = logging.getLogger(__name__)

# --- Implementation constants ---

MAX_CONNECTIONS: Final = 512  # both sides; a process has 1024 descriptors unless it is given more
MAX_OF_INTERNAL_HOST: Final = 16
"""A telephone has one, a telephone system a few; the provider has one for each of our mappings."""
CONNECT_TIMEOUT: Final = 5.0  # seconds
_AGAIN: Final = 0.02  # seconds until it is tried again where the last connection of these ports is not gone yet
_ASKED_AGAIN: Final = 0.1  # seconds until the broker is, where it did not answer
_SWEEP: Final = 1.0  # seconds between looks at the deadlines


class _Party(NamedTuple):
    """Connections of one party with one host: they lead to the same place, whatever the host's port."""

    side: Side
    internal: Endpoint  # on the internal side the party itself, on the external one its mapping
    provider: str


def _party(flow: Flow) -> _Party:
    ours, theirs = (flow.source, flow.destination) if flow.side is Side.INTERNAL else (flow.destination, flow.source)
    return _Party(flow.side, ours, theirs.host)


class TcpConnections:
    """`take` gets every message, `rest` is called when what a message causes is done, `abused` for what is no SIP;
    `side_of` says on which side of its rule the first of two hosts is."""

    def __init__(
        self,
        broker: BrokerClient,
        counts: Counter[str],
        take: Callable[[Datagram], None],
        rest: Callable[[], None],
        abused: Callable[[Flow], None] = lambda _: None,
        side_of: Callable[[str, str], Side] = lambda *_: Side.INTERNAL,
    ) -> None:
        self.own: frozenset[str] = frozenset()  # our external addresses
        self._broker = broker
        self._counts = counts
        self._take = take
        self._rest = rest
        self._abused = abused
        self._side_of = side_of
        self._listeners: dict[Endpoint, socket.socket] = {}
        self._connections: dict[Flow, Connection] = {}
        self._of_party: defaultdict[_Party, dict[Flow, Connection]] = defaultdict(dict)
        self._of_host: Counter[str] = Counter()
        self._speaking: Connection | None = None
        self._connecting: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    def open(self, at: Endpoint) -> None:
        """Listen there; asks the broker for the socket the first time."""
        if at in self._listeners:
            return
        made, _ = self._stream(at)
        if made is None:
            return
        self._listeners[at] = made
        asyncio.get_running_loop().add_reader(made, self._accept, made)
        log.info("listening at TCP %s", at)
        if self._timer is None:
            self._sweep()

    def send(self, forward: Forward) -> None:
        """On the connection of that flow, on another one between the same parties, or on a new one."""
        flow = Flow(Transport.TCP, forward.side, forward.destination, forward.source)
        connection = self._usable(flow) or self._connect(flow)
        if connection is None:
            self._counts["dropped:no-connection"] += 1
            return
        if connection.nobodys:
            self._pair(connection)
        connection.send(forward.data)

    def _usable(self, flow: Flow) -> Connection | None:
        known = self._connections.get(flow)
        if known is None or known.ending:
            others = self._of_party.get(_party(flow), {}).values()
            known = next((each for each in others if not each.ending), None)
        return known

    def close(self) -> None:
        for listener in self._listeners.values():
            asyncio.get_running_loop().remove_reader(listener)
            listener.close()
        self._listeners.clear()
        for connection in list(self._connections.values()):
            connection.abort("shutdown")
        for task in self._connecting:
            task.cancel()
        if self._timer is not None:
            self._timer.cancel()

    # --- connections come and go ---

    def _accept(self, listener: socket.socket) -> None:
        try:
            made, source = listener.accept()
        except BlockingIOError:
            return
        except OSError as error:  # it went away again, or there are no descriptors
            self._counts[f"refused:accept-{errno.errorcode.get(error.errno or 0, 'error')}"] += 1
            return
        made.setblocking(False)
        peer, local = Endpoint(*source[:2]), Endpoint(*made.getsockname()[:2])
        side = Side.EXTERNAL if local.host in self.own else self._side_of(peer.host, local.host)
        reason = self._refusal(peer.host if side is Side.INTERNAL else "")
        if reason:
            self._counts[f"refused:{reason}"] += 1
            made.close()
            return
        self._begin(self._attach(self._add(Flow(Transport.TCP, side, peer, local)), made))

    def _refusal(self, internal_host: str) -> str:
        if len(self._connections) >= MAX_CONNECTIONS:
            return "tcp-connections"
        return "tcp-connections-of-host" if self._of_host[internal_host] >= MAX_OF_INTERNAL_HOST else ""

    def _connect(self, flow: Flow) -> Connection | None:
        """In the name of the flow's destination, to its source."""
        if len(self._connections) >= MAX_CONNECTIONS:
            self._counts["refused:tcp-connections"] += 1
            return None
        if flow.side is Side.EXTERNAL and flow.destination.host in self.own:
            self.open(wildcard(flow.destination))  # the provider may connect there, too
        made, may_come = self._stream(flow.destination)
        if made is None and not may_come:
            return None
        connection = self._add(flow)
        self._pair(connection)
        self._begin(self._reach(connection, made))
        return connection

    def _pair(self, connection: Connection) -> None:
        """With that of the message that is being handled: they end together."""
        if self._speaking is not None:
            connection.paired.add(self._speaking)
            self._speaking.paired.add(connection)

    def _stream(self, at: Endpoint) -> tuple[socket.socket | None, bool]:
        """And where there is none, whether there may be one later: the broker did not answer."""
        reply, made = self._broker.transparent_stream(at)
        if made is None:
            self._counts[f"error:stream-{reply.why}"] += 1
        else:
            made.setblocking(False)
        return made, reply.status is Status.FAILED

    def _add(self, flow: Flow) -> Connection:
        connection = Connection(flow, self._heard, self._ended)
        self._connections[flow] = self._of_party[_party(flow)][flow] = connection
        if flow.side is Side.INTERNAL:
            self._of_host[flow.source.host] += 1
        return connection

    def _begin(self, step: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(step)
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    async def _reach(self, connection: Connection, made: socket.socket | None) -> None:
        """Connect it. What it is to carry nobody says again, so a broker that is away for a moment is waited for."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                while made is None:
                    await asyncio.sleep(_ASKED_AGAIN)
                    if connection.ending:
                        return
                    made, _ = self._stream(connection.flow.destination)
                while not await _connected(made, connection.flow.source):
                    await asyncio.sleep(_AGAIN)
        except OSError as error:
            if made is not None:
                made.close()
            connection.abort(_why(error))
        else:
            await self._attach(connection, made)

    async def _attach(self, connection: Connection, made: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: connection, sock=made)
        except OSError as error:
            made.close()
            connection.abort(_why(error))

    def _heard(self, connection: Connection, message: bytes) -> None:
        self._speaking = connection
        try:
            self._take(Datagram(message, connection.flow))
        finally:
            self._speaking = None
        self._rest()

    def _ended(self, connection: Connection, reason: str) -> None:
        flow = connection.flow
        if reason:
            self._counts[f"closed:{reason}"] += 1
        if reason.startswith("not-sip"):
            self._abused(flow)
        if self._connections.get(flow) is connection:
            del self._connections[flow]
            party = self._of_party[_party(flow)]
            del party[flow]
            if not party:
                del self._of_party[_party(flow)]
        if flow.side is Side.INTERNAL:
            self._of_host[flow.source.host] -= 1
            self._of_host += Counter()  # forget hosts without any
        for other in connection.paired:
            other.paired.discard(connection)
            if not other.paired:
                other.close()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        for connection in list(self._connections.values()):
            connection.expire(loop.time())
        self._timer = loop.call_later(_SWEEP, self._sweep)


def _why(error: OSError) -> str:
    return f"connect-{errno.errorcode.get(error.errno or errno.ETIMEDOUT, 'error')}"


async def _connected(made: socket.socket, to: Endpoint) -> bool:
    """False where the kernel still knows the last connection between these two. Raises OSError for all else."""
    try:
        await asyncio.get_running_loop().sock_connect(made, to)
    except OSError as error:
        if error.errno != errno.EADDRNOTAVAIL:
            raise
        return False
    return True
