# SPDX-License-Identifier: GPL-2.0-or-later
"""One connection over a real socket pair: framing from the first byte, deadlines, and a peer that does not read."""

from __future__ import annotations

import asyncio
import socket

import pytest

from sipalg_core.io.connection import IDLE_TIMEOUT, LONGEST_OUTPUT, PART_TIMEOUT, Connection
from sipalg_core.net import Endpoint, Flow, Side, Transport

FLOW = Flow(Transport.TCP, Side.INTERNAL, Endpoint("192.168.0.10", 41000), Endpoint("203.0.113.1", 5060))
MESSAGE = b"OPTIONS sip:x SIP/2.0\r\nContent-Length: 4\r\n\r\nbody"


class Pair:
    """A connection, the peer's end of it, and what the connection told."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.reasons: list[str] = []
        self.connection = Connection(
            FLOW, lambda _, message: self.heard.append(message), lambda _, reason: self.reasons.append(reason)
        )
        self.ours, self.peer = socket.socketpair()
        self.peer.setblocking(False)

    async def connect(self) -> None:
        await asyncio.get_running_loop().create_connection(lambda: self.connection, sock=self.ours)

    async def say(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.peer, data)
        await asyncio.sleep(0.005)

    async def hear(self) -> bytes:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.peer, 65536), 20)


@pytest.fixture
async def pair():
    made = Pair()
    yield made
    made.connection.abort("")
    made.peer.close()
    made.ours.close()
    await asyncio.sleep(0)


async def test_messages_are_heard_whatever_their_segments(pair):
    await pair.connect()
    for octet in MESSAGE:
        await pair.say(bytes((octet,)))
    await pair.say(MESSAGE * 3)
    assert pair.heard == [MESSAGE] * 4
    assert pair.reasons == []


async def test_what_is_no_sip_is_closed_at_once_and_not_listened_to_again(pair):
    await pair.connect()
    await pair.say(b"POST / HTTP/1.1\r\nHost: x\r\n\r\n" + MESSAGE)
    assert await pair.hear() == b""
    assert (pair.heard, pair.reasons) == ([], ["not-sip-http"])


async def test_what_was_sent_before_it_was_connected_is_sent(pair):
    pair.connection.send(b"one")
    pair.connection.send(b"two")
    await pair.connect()
    assert await pair.hear() == b"onetwo"


async def test_what_is_closed_before_it_was_connected_still_sends(pair):
    """Found on the wire: who says something and hangs up was not heard by the other side."""
    pair.connection.send(MESSAGE)
    pair.connection.close()
    assert pair.reasons == []
    await pair.connect()
    assert await pair.hear() == MESSAGE
    assert await pair.hear() == b""
    await asyncio.sleep(0)
    assert pair.reasons == [""]


async def test_who_is_wanted_again_before_it_was_connected_stays(pair):
    pair.connection.send(MESSAGE)
    pair.connection.close()
    pair.connection.send(MESSAGE)
    await pair.connect()
    assert await pair.hear() == MESSAGE * 2
    await asyncio.sleep(0.01)
    assert pair.reasons == []


async def test_a_peer_that_does_not_read_is_cut_off(pair):
    await pair.connect()
    for _ in range(100):
        pair.connection.send(b"x" * 65536)
    await asyncio.sleep(0.01)
    assert pair.reasons == ["unread"]


async def test_output_is_bounded_while_it_is_being_connected(pair):
    pair.connection.send(b"x" * LONGEST_OUTPUT)
    pair.connection.send(b"x")
    assert pair.reasons == ["unread"]
    await pair.connect()
    assert await pair.hear() == b""
    assert pair.reasons == ["unread"]


@pytest.mark.parametrize(
    ("said", "within", "reason"),
    [
        ([], PART_TIMEOUT, "slow-message"),
        ([b"\r\n\r\n"], PART_TIMEOUT, "slow-message"),
        ([b"OPTIONS"], PART_TIMEOUT, "slow-head"),
        ([MESSAGE[:-1]], PART_TIMEOUT, "slow-body"),
        ([MESSAGE], IDLE_TIMEOUT, "idle"),
        ([MESSAGE, b"O"], PART_TIMEOUT, "slow-head"),
    ],
)
async def test_who_is_slow_or_silent_is_cut_off_and_not_before(pair, said, within, reason):
    await pair.connect()
    for data in said:
        await pair.say(data)
    now = asyncio.get_running_loop().time()
    pair.connection.expire(now + within - 0.5)
    assert pair.reasons == []
    pair.connection.expire(now + within)
    await asyncio.sleep(0)
    assert pair.reasons == [reason]


async def test_single_bytes_renew_no_deadline(pair):
    await pair.connect()
    head = MESSAGE[: MESSAGE.index(b"\r\n\r\n")]
    await pair.say(head[:1])
    began = asyncio.get_running_loop().time()
    for octet in head[1:]:
        await pair.say(bytes((octet,)))
    pair.connection.expire(began + PART_TIMEOUT)
    await asyncio.sleep(0)
    assert pair.reasons == ["slow-head"]
