# SPDX-License-Identifier: GPL-2.0-or-later
"""TCP, terminated on both sides by a process without capabilities: who connects to whom, from which address."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from sipalg_core.io.connection import PART_TIMEOUT
from sipalg_core.io.tcp import MAX_OF_INTERNAL_HOST
from sipalg_core.net import Endpoint
from tests.lab.engine_rig import Engine
from tests.lab.kernel_rig import (
    ENGINE_UID,
    FW,
    LAN,
    NETS,
    ROOT,
    V4,
    WAN,
    Rig,
    as_user,
    hears,
    namespaces,
    run,
    tcp,
    udp,
)

pytestmark = pytest.mark.lab

# All connections and no SIP: what comes from inside leaves from our port 5060, what comes from outside goes inside.
RELAY = """
import asyncio, sys
from collections import Counter
from pathlib import Path
from sipalg_core.alg.effects import Forward
from sipalg_core.contract.control import wildcard
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.io.tcp import TcpConnections
from sipalg_core.net import Endpoint, Side, Transport
own, phone = (Endpoint(host, int(port)) for host, port in (sys.argv[2:4], sys.argv[4:6]))

def take(datagram):
    global phone
    flow = datagram.flow
    print(flow.side, flow.source, flow.destination, flush=True)
    if flow.side is Side.INTERNAL:
        phone = flow.source
        tcp.send(Forward(datagram.data, Transport.TCP, Side.EXTERNAL, own, flow.destination))
    else:
        tcp.send(Forward(datagram.data, Transport.TCP, Side.INTERNAL, flow.source, phone))

async def run():
    global tcp
    tcp = TcpConnections(BrokerClient(Path(sys.argv[1])), Counter(), take, lambda: None)
    tcp.own = frozenset((own.host,))
    tcp.open(wildcard(own))
    print("ready", flush=True)
    await asyncio.sleep(60)

assert "CapEff:\\t0000000000000000" in Path("/proc/self/status").read_text()
asyncio.run(run())
"""
OPTIONS = "\r\n".join((
    "OPTIONS sip:example.org SIP/2.0", "Via: SIP/2.0/TCP {1};branch=z9hG4bK{0}",
    "From: <sip:a@example.org>;tag=1", "To: <sip:example.org>", "Call-ID: {0}@x", "CSeq: 1 OPTIONS",
    "Max-Forwards: 70", "Content-Length: 0", "\r\n",
))  # fmt: skip


def options(number: int, phone: Endpoint = V4.phone_sip) -> bytes:
    return OPTIONS.format(number, phone).encode()


def received(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        assert more, data
        data += more
    return data


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with namespaces():
        made = Rig(ENGINE_UID)
        made.start()
        yield made
        made.close()


@pytest.fixture
def relay(rig, net) -> Iterator[subprocess.Popen[str]]:
    command = (
        "ip", "netns", "exec", FW, *as_user(ENGINE_UID), sys.executable, "-c", RELAY, str(rig.socket),
        *map(str, net.own_sip), *map(str, net.phone_sip),
    )  # fmt: skip
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


@pytest.fixture
def engine(rig) -> Iterator[Engine]:
    (rig.run_dir / "engine.sock").unlink(missing_ok=True)
    made = Engine(rig)
    yield made
    made.stop()


def test_a_phones_connection_continues_from_our_address(relay, net):
    with tcp(WAN, net.provider_sip, listening=True) as provider, tcp(LAN, net.phone_sip._replace(port=41000)) as phone:
        phone.connect(net.provider_sip)
        message = options(1)
        phone.sendall(message)
        outside, source = provider.accept()
        with outside:
            assert Endpoint(*source[:2]) == net.own_sip
            assert received(outside, len(message)) == message
            outside.sendall(message + message)
            assert received(phone, 2 * len(message)) == 2 * message
            phone.close()
            assert outside.recv(1) == b""


def test_a_providers_connection_continues_to_the_phone_from_its_address(relay, net):
    with tcp(LAN, net.phone_sip, listening=True) as phone, tcp(WAN, net.provider_sip._replace(port=43210)) as provider:
        provider.connect(net.own_sip)
        message = options(2)
        for octet in message:  # one byte a segment
            provider.send(bytes((octet,)))
        inside, source = phone.accept()
        with inside:
            assert Endpoint(*source[:2]) == net.provider_sip._replace(port=43210)
            assert received(inside, len(message)) == message
            inside.sendall(message)
            assert received(provider, len(message)) == message
            provider.close()
            assert inside.recv(1) == b""


def test_who_has_no_sip_rule_reaches_no_listener(relay, net):
    for namespace, source, destination in (
        (LAN, net.pc._replace(port=40001), net.provider_sip),
        (WAN, net.stranger._replace(port=40002), net.own_sip),
    ):
        with tcp(namespace, source) as connection:
            connection.settimeout(0.5)
            with pytest.raises((TimeoutError, ConnectionRefusedError)):
                connection.connect(destination)


def test_a_dead_engine_lets_no_connection_through(rig, net):
    with tcp(WAN, net.provider_sip, listening=True), tcp(LAN, net.phone_sip._replace(port=41001)) as phone:
        phone.settimeout(0.5)
        with pytest.raises(TimeoutError):
            phone.connect(net.provider_sip)


def test_the_provider_that_refuses_ends_the_phones_connection(relay, net):
    with tcp(LAN, net.phone_sip._replace(port=41002)) as phone:
        phone.connect(net.provider_sip)
        phone.sendall(options(3))
        assert phone.recv(1) == b""


def test_a_phone_that_was_restarted_connects_again_from_its_port(relay, net):
    """Although its last connection is still in TIME_WAIT on our external side."""
    with tcp(WAN, net.provider_sip, listening=True) as provider:
        for number in range(3):
            with tcp(LAN, net.phone_sip._replace(port=41003)) as phone:
                phone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # it says no goodbye
                phone.connect(net.provider_sip)
                phone.sendall(options(number))
                outside, source = provider.accept()
                with outside:
                    assert source[0] == net.own_sip.host
                    assert received(outside, len(options(number))) == options(number)
                    phone.close()
                    assert outside.recv(1) == b""


def test_a_provider_that_reset_our_connection_is_let_in_from_its_port_at_once(relay, net):
    """For ten seconds conntrack takes nothing of what it calls closed for a new connection, the other way round."""
    at = net.phone_sip._replace(port=41005)
    with tcp(WAN, net.provider_sip, listening=True) as provider, tcp(LAN, at) as phone:
        phone.connect(net.provider_sip)
        phone.sendall(options(1))
        outside, source = provider.accept()
        outside.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        outside.close()
        assert phone.recv(1) == b""
    with tcp(WAN, net.provider_sip) as provider:
        provider.settimeout(8)  # the kernel would say it again for longer
        provider.connect(Endpoint(*source[:2]))


def test_a31_silent_connections_keep_nobody_out(engine):
    """One host's are cut at their number, all of them at their deadline, and the others' do not wait."""
    run("ip", "addr", "add", "192.168.0.2/24", "dev", "eth0", namespace=LAN)
    with tcp(WAN, V4.provider_sip, listening=True) as provider, contextlib.ExitStack() as idle:
        for _ in range(200):
            silent = idle.enter_context(tcp(LAN, Endpoint("192.168.0.2", 0)))
            with contextlib.suppress(ConnectionRefusedError):
                silent.connect(V4.provider_sip)
        began = time.monotonic()
        with tcp(LAN, V4.phone_sip) as phone:
            phone.connect(V4.provider_sip)
            phone.sendall(options(7))
            provider.accept()[0].close()
        assert time.monotonic() - began < PART_TIMEOUT / 2  # it does not wait for the end of the silent ones
        assert engine.rig.drops()["connections-of-host"] == 200 - MAX_OF_INTERNAL_HOST
        time.sleep(PART_TIMEOUT + 1.5)
        assert engine.counters()["closed:slow-message"] == MAX_OF_INTERNAL_HOST


def test_a33_who_does_not_read_is_cut_off(engine):
    message = options(8).replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: 30000\r\n\r\n" + b"x" * 30000)
    with tcp(WAN, V4.provider_sip, listening=True) as provider, tcp(LAN, V4.phone_sip) as phone:
        provider.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        phone.connect(V4.provider_sip)
        with contextlib.suppress(ConnectionError, BrokenPipeError):
            for _ in range(400):
                phone.sendall(message)
        provider.accept()[0].close()
    assert engine.counters()["closed:unread"] == 1


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.word)
def test_the_engine_passes_requests_and_answers_on_connections(engine, net):
    with tcp(WAN, net.provider_sip, listening=True) as provider, tcp(LAN, net.phone_sip) as phone:
        phone.connect(net.provider_sip)
        phone.sendall(options(4, net.phone_sip))
        outside, source = provider.accept()
        with outside:
            assert Endpoint(*source[:2]) == net.own_sip
            request = outside.recv(4096)
            assert b"Via: SIP/2.0/TCP " + str(net.own_sip).encode().removesuffix(b":5060") in request
            outside.sendall(request.replace(b"OPTIONS sip:example.org SIP/2.0", b"SIP/2.0 200 OK", 1))
            assert f"Via: SIP/2.0/TCP {net.phone_sip}".encode() in phone.recv(4096)


def test_both_transports_share_a_mapping(engine):
    with udp(LAN, V4.phone_sip) as phone, udp(WAN, V4.provider_sip) as provider:
        phone.sendto(options(5).replace(b"/TCP", b"/UDP"), V4.provider_sip)
        ((_, source),) = hears(provider)
        assert source == V4.own_sip
    with tcp(WAN, V4.provider_sip, listening=True) as listener, tcp(LAN, V4.phone_sip) as phone_stream:
        phone_stream.connect(V4.provider_sip)
        phone_stream.sendall(options(6))
        outside, source = listener.accept()
        outside.close()
        assert Endpoint(*source) == V4.own_sip
