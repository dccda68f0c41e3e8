# SPDX-License-Identifier: GPL-2.0-or-later
"""What an attacker needs beyond a scenario's parties: raw datagrams and streams, a capture, a look at the engine."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from typing import Any, Final

from sipalg_core.net import Endpoint
from tests.lab.kernel_rig import LAN, WAN, within
from tests.lab.wire.rig import INSIDE, Appliance, Wire, until

_ETH_P_ALL: Final = 3
_TICK: Final = os.sysconf("SC_CLK_TCK")
TOGETHER: Final = 8
"""Connections of one host at a time; it may have 16."""


def namespace_of(name: str) -> str:
    return LAN if name in INSIDE else WAN


def forge(wire: Wire, name: str, messages: list[bytes], to: Endpoint) -> None:
    """Messages of a host, unasked: as datagrams of its SIP endpoint, or on a connection, where it gets one."""
    if wire.transport == "udp":
        for data in messages:
            wire.party(name).send(data, to)
        return
    with contextlib.suppress(OSError), stream(wire, name, to) as connection:
        connection.sendall(b"".join(messages))
        closed_within(connection, 0.1)


def forge_each(wire: Wire, name: str, messages: list[bytes], to: Endpoint) -> None:
    """As `forge`, but over TCP each on a connection of its own, some at a time."""
    if wire.transport == "udp":
        forge(wire, name, messages, to)
        return
    for at in range(0, len(messages), TOGETHER):
        with contextlib.ExitStack() as stack:
            connections = []
            for data in messages[at : at + TOGETHER]:
                with contextlib.suppress(OSError):
                    connections.append(stack.enter_context(stream(wire, name, to)))
                    connections[-1].sendall(data)
            for number, connection in enumerate(connections):
                closed_within(connection, 0.001 if number else 0.1)


@contextlib.contextmanager
def stream(wire: Wire, name: str, to: Endpoint, port: int = 0) -> Iterator[socket.socket]:
    """A TCP connection of that host."""

    def made() -> socket.socket:
        family = socket.AF_INET6 if wire.family == "ip6" else socket.AF_INET
        connection = socket.socket(family, socket.SOCK_STREAM)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # the last one is in TIME_WAIT
        connection.bind(wire.at(name, port))
        connection.settimeout(2)
        return connection

    with within(namespace_of(name), made) as connection:
        connection.connect(to)
        yield connection


def closed_within(connection: socket.socket, seconds: float) -> bool:
    """Whether the other side closes, whatever it says before."""
    connection.settimeout(seconds)
    with contextlib.suppress(ConnectionResetError):
        try:
            while connection.recv(65536):
                pass
        except TimeoutError:
            return False
    return True


@contextlib.contextmanager
def captured(namespace: str) -> Iterator[list[bytes]]:
    """All frames on the namespace's eth0 or, inside the appliance, on all interfaces, while the context lasts."""

    def made() -> socket.socket:
        listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        listener.setblocking(False)
        return listener

    frames: list[bytes] = []
    with within(namespace, made) as listener:
        yield frames
        time.sleep(0.05)
        with contextlib.suppress(BlockingIOError):
            while True:
                frames.append(listener.recv(70000))


def state_of(appliance: Appliance, part: str) -> list[Any]:
    """What the next engine would know of this part: the journal's last word on each thing."""
    latest = {}
    for line in (appliance.rig.run_dir / "engine.journal").read_bytes().splitlines()[1:]:
        kind, name, value = json.loads(line)
        if kind == part:
            latest[name] = value
    return [value for value in latest.values() if value is not None]


def ports_held(appliance: Appliance) -> set[str]:
    """The pairs of media ports that calls hold; how many calls is as of the moment when the journal noted the pair."""
    return {json.dumps([port, rtp, rtcp, outside]) for port, rtp, rtcp, _calls, outside in state_of(appliance, "pair")}


def holds_no_port_beyond(before: set[str], appliance: Appliance) -> bool:
    return until(lambda: ports_held(appliance) <= before, 20)


def cpu(appliance: Appliance) -> float:
    """Seconds of CPU that the engine has used, with the kernel's work for it."""
    with open(f"/proc/{appliance.engine.process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def changed_counters(appliance: Appliance, before: dict[str, int]) -> dict[str, int]:
    """What was counted since, by reason."""
    now = appliance.counters()
    return {name: count - before.get(name, 0) for name, count in now.items() if count != before.get(name, 0)}
