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
from sipalg_core.io import pinholes, tcp
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.io.tcp import MAX_OF_INTERNAL_HOST, TcpConnections
from sipalg_core.net import Endpoint, Side, Transport
from tests.unit.io.listening import Answer, listening

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
    async with asyncio.timeout(20):
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
        taken, _ = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(provider), 20)
        with taken:
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(taken, 100), 20) == MESSAGE


async def test_who_comes_again_from_the_same_port_in_the_same_moment_is_heard_each_time(connections):
    """Reset and connected again, fifty times: each message arrives, once and in order."""
    ours = Endpoint("127.0.0.1", connections.port)
    phone = Endpoint("127.0.0.1", free_port())
    heard = bytearray()

    async def listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            heard.extend(data)
        writer.close()

    provider = await asyncio.start_server(listens, "127.0.0.1", 0)
    to = Endpoint(*provider.sockets[0].getsockname())
    mapping = Endpoint("127.0.0.1", free_port())
    connections._take = lambda datagram: connections.send(
        Forward(datagram.data, Transport.TCP, Side.EXTERNAL, mapping, to)
    )
    said = [MESSAGE.replace(b"sip:x", b"sip:%d" % number) for number in range(50)]
    for number, message in enumerate(said, 1):
        with socket.socket() as telephone:
            telephone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            telephone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            telephone.setblocking(False)
            telephone.bind(phone)
            await asyncio.get_running_loop().sock_connect(telephone, ours)
            telephone.send(message)
            await until(lambda number=number: heard.count(b"OPTIONS") == number)
    assert bytes(heard) == b"".join(said)
    assert set(connections.counts) == {"closed:reset"}
    provider.close()


class Hesitant:
    """A broker that leaves the first questions for a connection without an answer: it has no processor just then."""

    def __init__(self, silent: int, answer: Answer = give_streams) -> None:
        self.silent, self.answer = silent, answer

    def __call__(self, peer: socket.socket, request: Request) -> None:
        if request.pinhole.mapped.host == "0.0.0.0" or not self.silent:
            self.answer(peer, request)
        else:
            self.silent -= 1


async def test_what_is_said_while_the_broker_does_not_answer_arrives(run_dir, monkeypatch):
    """Over TCP nobody says it again."""
    monkeypatch.setattr(pinholes, "PAUSE", 0.05)
    counts: Counter[str] = Counter()
    with listening(run_dir / "broker.sock", Hesitant(2)), socket.socket() as provider:
        provider.bind(("127.0.0.1", 0))
        provider.listen()
        provider.setblocking(False)
        broker = BrokerClient(run_dir / "broker.sock")
        connections = TcpConnections(broker, counts, lambda _: None, lambda: None)
        ours, to = Endpoint("127.0.0.1", free_port()), Endpoint(*provider.getsockname())
        connections.send(Forward(MESSAGE, Transport.TCP, Side.EXTERNAL, ours, to))
        connections.send(Forward(MESSAGE, Transport.TCP, Side.EXTERNAL, ours, to))
        taken, source = await asyncio.wait_for(asyncio.get_running_loop().sock_accept(provider), 20)
        with taken:
            assert source == ours
            assert await asyncio.wait_for(asyncio.get_running_loop().sock_recv(taken, 200), 20) == MESSAGE * 2
        assert counts["error:stream-failed-ETIMEDOUT"] == 2
        connections.close()
        broker.disconnect()
        await asyncio.sleep(0.01)


async def test_without_a_broker_who_speaks_is_told_by_the_end_of_his_connection(connections, run_dir, monkeypatch):
    monkeypatch.setattr(tcp, "CONNECT_TIMEOUT", 0.3)
    connections._broker.disconnect()
    connections._broker._path = run_dir / "nobody.sock"
    here = Endpoint("127.0.0.1", free_port())
    connections._take = lambda datagram: connections.send(
        Forward(datagram.data, Transport.TCP, Side.EXTERNAL, here, here)
    )
    reader, writer = await connected(connections)
    writer.write(MESSAGE)
    assert await asyncio.wait_for(reader.read(), 20) == b""
    writer.close()
    assert connections.counts.pop("error:stream-failed-ENOENT") >= 2
    assert connections.counts == {"closed:connect-ETIMEDOUT": 1}
    assert connections._connections == {}


async def test_what_the_broker_refuses_is_not_asked_again(run_dir):
    counts: Counter[str] = Counter()

    def refuses(peer: socket.socket, request: Request) -> None:
        peer.send(pack_reply(Reply(request.serial, Status.REFUSED)))

    with listening(run_dir / "broker.sock", refuses) as asked:
        broker = BrokerClient(run_dir / "broker.sock")
        connections = TcpConnections(broker, counts, lambda _: None, lambda: None)
        here = Endpoint("127.0.0.1", 5060)
        connections.send(Forward(MESSAGE, Transport.TCP, Side.INTERNAL, here, here))
        assert counts == {"error:stream-refused-p0": 1, "dropped:no-connection": 1}
        assert len(asked) == 1
        broker.disconnect()
