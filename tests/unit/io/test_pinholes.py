# SPDX-License-Identifier: GPL-2.0-or-later
"""The client of the broker's socket against a broker that is slow, gone, back, or wrong."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sipalg_core.contract.control import (
    NO_PINHOLE,
    Banned,
    Counter,
    Reply,
    Request,
    Status,
    pack_bans,
    pack_counters,
    pack_reply,
)
from sipalg_core.io.pinholes import ANSWER_TIMEOUT, BrokerClient
from tests.unit.io.listening import listening


def agree(peer: socket.socket, request: Request) -> None:
    peer.send(pack_reply(Reply(request.serial, Status.OK)))


@pytest.fixture
def path(run_dir) -> Path:
    return run_dir / "broker.sock"


@pytest.fixture
def client(path) -> Iterator[BrokerClient]:
    made = BrokerClient(path)
    yield made
    made.disconnect()


def test_without_a_broker_the_reply_says_so(client):
    assert client.open(NO_PINHOLE) == Reply(0, Status.FAILED, errno.ENOENT)
    assert client.transparent_socket(NO_PINHOLE.mapped)[1] is None
    assert client.count()[1] == []


def test_a_hung_broker_costs_the_timeout_once(path, client):
    with listening(path, lambda *_: None):
        start = time.monotonic()
        assert client.open(NO_PINHOLE).detail == errno.ETIMEDOUT
        for _ in range(100):
            assert client.open(NO_PINHOLE).detail == errno.EHOSTDOWN
        assert time.monotonic() - start < ANSWER_TIMEOUT * 1.5
        client.disconnect()


def test_a_new_broker_is_found_by_the_next_request(path, client):
    for _ in range(2):
        with listening(path, agree) as asked:
            assert client.open(NO_PINHOLE).status is Status.OK
            assert len(asked) == 1


def test_an_answer_to_another_request_is_none(path, client):
    def confuse(peer: socket.socket, request: Request) -> None:
        peer.send(pack_reply(Reply(request.serial + 1, Status.OK)))

    with listening(path, confuse):
        assert client.open(NO_PINHOLE) == Reply(1, Status.FAILED, errno.EPROTO)


def test_counters_come_in_several_messages(path, client):
    counters = [Counter(number, 1, 2) for number in range(2500)]

    def count(peer: socket.socket, request: Request) -> None:
        peer.send(pack_reply(Reply(request.serial, Status.OK, value=len(counters))))
        for at in (0, 1000, 2000):
            peer.send(pack_counters(counters[at : at + 1000]))

    with listening(path, count):
        assert client.count() == (Reply(1, Status.OK, 0, 2500), counters)


def test_counters_that_break_off_are_no_counters(path, client):
    def break_off(peer: socket.socket, request: Request) -> None:
        peer.send(pack_reply(Reply(request.serial, Status.OK, value=2)))
        peer.send(pack_counters([Counter(1, 2, 3)]))
        peer.shutdown(socket.SHUT_RDWR)

    with listening(path, break_off):
        reply, counters = client.count()
        assert (reply.status, counters) == (Status.FAILED, [])


def test_drops_come_by_their_reason(path, client):
    def drops(peer: socket.socket, request: Request) -> None:
        peer.send(pack_reply(Reply(request.serial, Status.OK, value=2)))
        peer.send(pack_counters([Counter(0, 5, 0), Counter(1, 7, 0)]))

    with listening(path, drops):
        assert client.drops() == {"engine-dead": 5, "source-rate": 7}
    assert client.drops() == {}


def test_bans_come_as_they_were_sent(path, client):
    banned = [Banned("192.0.2.1", 3600, 7, True), Banned("2001:db8::1", 1, 0, False)] * 600

    def bans(peer: socket.socket, request: Request) -> None:
        peer.send(pack_reply(Reply(request.serial, Status.OK, value=len(banned))))
        for at in range(0, len(banned), 1000):
            peer.send(pack_bans(banned[at : at + 1000]))

    with listening(path, bans):
        assert client.bans() == (Reply(1, Status.OK, value=len(banned)), banned)
