# SPDX-License-Identifier: GPL-2.0-or-later
"""All connections together, over TCP of the loopback interface and a broker that hands out ordinary sockets."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter

import pytest

from sipalg_core.alg.effects import Forward
from sipalg_core.contract.control import Op, Reply, Request, Status, pack_reply
from sipalg_core.io import tcp
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.io.tcp import MAX_OF_INTERNAL_HOST, TcpConnections
from sipalg_core.net import Endpoint, Side, Transport
from tests.unit.io.listening import listening

MESSAGE = b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 0\r\n\r\n"


def give_streams(peer: socket.socket, request: Request) -> None:
    assert request.op is Op.STREAM
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        made.bind(request.pinhole.mapped)
        if request.pinhole.mapped.host == "0.0.0.0":
            made.listen()
        socket.send_fds(peer, [pack_reply(Reply(request.serial, Status.OK))], [made.fileno()])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
async def connections(run_dir):
    counts: Counter[str] = Counter()
    taken = []
    with listening(run_dir / "broker.sock", give_streams):
        broker = BrokerClient(run_dir / "broker.sock")
        made = TcpConnections(broker, counts, taken.append, lambda: None)
        made.counts, made.taken, made.port = counts, taken, free_port()
        made.open(Endpoint("0.0.0.0", made.port))
        yield made
        made.close()
        broker.disconnect()
        await asyncio.sleep(0.01)


async def connected(connections: TcpConnections) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", connections.port)


async def until(condition) -> None:
    async with asyncio.timeout(2):
        while not condition():
            await asyncio.sleep(0.005)


async def test_a_message_knows_its_flow_and_its_answer_finds_the_connection(connections):
    reader, writer = await connected(connections)
    writer.write(MESSAGE)
    await until(lambda: connections.taken)
    (datagram,) = connections.taken
    assert datagram.data == MESSAGE
    assert datagram.flow.transport is Transport.TCP
    assert datagram.flow.source == Endpoint(*writer.get_extra_info("sockname"))
    answer = Forward(b"SIP/2.0 200 OK", Transport.TCP, Side.INTERNAL, datagram.flow.destination, datagram.flow.source)
    connections.send(answer)
    assert await reader.readexactly(14) == b"SIP/2.0 200 OK"
    writer.close()
    await until(lambda: not connections._connections)


async def test_one_host_gets_so_many_connections_and_no_more(connections):
    writers = [(await connected(connections))[1] for _ in range(MAX_OF_INTERNAL_HOST)]
    reader, writer = await connected(connections)
    assert await reader.read() == b""
    assert connections.counts == {"refused:tcp-connections-of-host": 1}
    writers.pop().close()
    await until(lambda: len(connections._connections) < MAX_OF_INTERNAL_HOST)
    reader, again = await connected(connections)
    again.write(MESSAGE)
    await until(lambda: connections.taken)
    for each in (*writers, writer, again):
        each.close()


async def test_all_together_get_so_many(connections, monkeypatch):
    monkeypatch.setattr(tcp, "MAX_CONNECTIONS", 2)
    writers = [(await connected(connections))[1] for _ in range(2)]
    reader, writer = await connected(connections)
    assert await reader.read() == b""
    assert connections.counts == {"refused:tcp-connections": 1}
    for each in (*writers, writer):
        each.close()


async def test_a_connection_that_nobody_takes_is_counted(connections):
    nobody = Endpoint("127.0.0.1", free_port())
    connections.send(Forward(MESSAGE, Transport.TCP, Side.EXTERNAL, Endpoint("127.0.0.1", free_port()), nobody))
    await until(lambda: connections.counts)
    assert connections.counts == {"closed:connect-ECONNREFUSED": 1}
    assert connections._connections == {}


async def test_a_connection_waits_until_the_last_one_of_its_ports_is_gone(connections):
    """A telephone that comes again from its port at once: what it says must not be lost."""
    ours = Endpoint("127.0.0.1", free_port())
    with socket.socket() as provider, socket.socket() as last:
        provider.bind(("127.0.0.1", 0))
        provider.listen()
        provider.setblocking(False)
        last.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        last.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        last.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        last.bind(ours)
        last.connect(provider.getsockname())
        provider.accept()[0].close()
        connections.send(Forward(MESSAGE, Transport.TCP, Side.EXTERNAL, ours, Endpoint(*provider.getsockname())))
        await asyncio.sleep(0.1)
        assert connections.counts == {}
        last.close()
        taken, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(provider), 2)
        with taken:
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(taken, 100), 2) == MESSAGE


async def test_without_a_broker_nothing_is_sent_and_that_is_counted(run_dir):
    counts: Counter[str] = Counter()
    connections = TcpConnections(BrokerClient(run_dir / "broker.sock"), counts, lambda _: None, lambda: None)
    here = Endpoint("127.0.0.1", 5060)
    connections.send(Forward(MESSAGE, Transport.TCP, Side.INTERNAL, here, here))
    assert counts == {"error:stream-failed-ENOENT": 1, "dropped:no-connection": 1}
