# SPDX-License-Identifier: GPL-2.0-or-later
"""Every message of RFC 4475 and RFC 5118, and every one that fuzzing found, through the appliance: four ways each.

What must become of it stands in tests/torture; here it is seen on the wire, with real sockets and connections.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time

import pytest

from sipalg_core.io.connection import PART_TIMEOUT
from sipalg_core.net import Endpoint, Side
from tests.lab.wire.attacking import closed_within, stream
from tests.lab.wire.messages import header
from tests.lab.wire.parties import PATIENCE, Party
from tests.lab.wire.rig import Wire
from tests.torture.test_torture import CASES, Case, expected, first_of, text

pytestmark = pytest.mark.lab

SETTLED = 0.03  # seconds in which nothing more comes


def letter(data: bytes, case: Case) -> str:
    """What an answer of ours is."""
    assert data.startswith(b"SIP/2.0 %d " % case.status), data
    assert data.endswith(b"Content-Length: 0\r\n\r\n")
    return "R"


def marker(wire: Wire, sender: Party) -> bytes:
    """A message that certainly passes: whatever was sent before it has had its fate."""
    return wire.request(sender, wire.dialog(sender), "OPTIONS")


def datagram(wire: Wire, sender: Party, to: Endpoint, receiver: Party, data: bytes, case: Case) -> str:
    behind = marker(wire, sender)
    sender.send(data, to)
    sender.send(behind, to)
    letters = ""
    while header(came := receiver.take(), "call-id", "i") != header(behind, "call-id"):
        assert came == first_of(data)
        letters += "F"
    while not sender.silent(0.005):
        letters += letter(sender.take(), case)
    return letters or "D"


def over_stream(wire: Wire, side: Side, data: bytes, case: Case, must: str) -> str:
    """The sender's own connection, from its first byte to its end; the other side hears what passes."""
    name, port, to = ("a", 5060, wire.at("b")) if side is Side.INTERNAL else ("b", 0, Endpoint(wire.ours, 5060))
    receiver = wire.b if side is Side.INTERNAL else wire.a
    with stream(wire, name, to, port) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sendall(data)
        came = arrived(receiver, must.count("F"))
        assert all(message in data for message in came), came
        answered, closed = heard(connection, wait=must.endswith(("R", "C")))
        return "F" * len(came) + (letter(answered, case) if answered else "") + ("C" if closed else "")


def arrived(receiver: Party, awaited: int) -> list[bytes]:
    """The messages that come: as many as are awaited, however long that takes, and what comes soon after."""
    came: list[bytes] = []
    deadline = time.monotonic() + PATIENCE
    while (len(came) < awaited and time.monotonic() < deadline) or not receiver.silent(SETTLED):
        if not receiver.silent(SETTLED) and (message := receiver.take()).strip():
            came.append(message)
    return came


def heard(connection: socket.socket, *, wait: bool) -> tuple[bytes, bool]:
    """What is answered, and whether the connection is closed then."""
    connection.settimeout(PATIENCE if wait else SETTLED)
    answered = b""
    with contextlib.suppress(TimeoutError):
        while data := connection.recv(65536):
            answered += data
            connection.settimeout(SETTLED)
        return answered, True
    return answered, False


@pytest.mark.parametrize("side", Side)
def test_every_message_fares_as_it_must(wire: Wire, side: Side):
    wrong = {}
    wire.cross(wire.a, marker(wire, wire.a), wire.b, wire.b.at)  # so that the way in exists
    sender, receiver = (wire.a, wire.b) if side is Side.INTERNAL else (wire.b, wire.a)
    to = wire.b.at if side is Side.INTERNAL else wire.b.heard
    assert to is not None
    if wire.transport == "tcp":
        sender.close()
    for name, case in CASES.items():
        data = text(name)
        if wire.transport == "udp":
            must = expected(case.verdict, data, side)
            fate = datagram(wire, sender, to, receiver, data, case)
        else:
            must = expected(case.verdict if case.stream is None else case.stream, data, side).replace("D", "")
            fate = over_stream(wire, side, data, case, must)
        if fate != must:
            wrong[name] = (must, fate)
    assert wrong == {}
    assert wire.opened() == set()


def test_what_never_gets_whole_is_closed_and_says_why(all_wires: list[Wire]):
    """RFC 4475 §3.1.2.2 over a stream: a Content-Length larger than what comes. Of both families at once."""
    streams = [wire for wire in all_wires if wire.transport == "tcp"]
    before = streams[0].alg.counters().get("closed:slow-body", 0)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(stream(wire, "a", wire.at("b"))) for wire in streams]
        for connection in connections:
            connection.sendall(text("clerr"))
        began = time.monotonic()
        assert all(closed_within(connection, PART_TIMEOUT + 20) for connection in connections)
        assert time.monotonic() - began >= PART_TIMEOUT - 0.5
    assert streams[0].alg.counters()["closed:slow-body"] == before + len(streams)
