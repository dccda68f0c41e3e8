# SPDX-License-Identifier: GPL-2.0-or-later
"""Ancillary data of a real socket on the loopback interface."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from sipalg_core.contract.policy import AlgPolicy, Interface
from sipalg_core.io import tproxy
from sipalg_core.net import Datagram, Endpoint, Flow, Side, Transport

IP_PKTINFO, IP_RECVORIGDSTADDR = 8, 20


def bound() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with bound() as made:
        made.setsockopt(socket.SOL_IP, IP_PKTINFO, 1)
        made.setsockopt(socket.SOL_IP, IP_RECVORIGDSTADDR, 1)
        yield made


@pytest.fixture
def sender() -> Iterator[socket.socket]:
    with bound() as made:
        yield made


def test_a_datagram_knows_its_flow(listener, sender):
    sides = tproxy.sides(
        AlgPolicy(1, interfaces=(Interface("lo", Side.EXTERNAL, ()), Interface("gone0", Side.INTERNAL, ())))
    )
    sender.sendto(b"\xff" * 60_000, listener.getsockname())
    assert tproxy.receive(listener, sides) == Datagram(
        b"\xff" * 60_000,
        Flow(Transport.UDP, Side.EXTERNAL, Endpoint(*sender.getsockname()), Endpoint(*listener.getsockname())),
    )
    with pytest.raises(BlockingIOError):
        tproxy.receive(listener, sides)


def test_an_interface_that_is_not_in_the_policy_has_no_side(listener, sender):
    sender.sendto(b"x", listener.getsockname())
    assert tproxy.receive(listener, {}) is None


def test_the_source_address_is_the_one_asked_for(listener, sender):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wildcard:
        wildcard.bind(("0.0.0.0", 0))
        tproxy.send(wildcard, b"x", "127.0.0.9", Endpoint(*sender.getsockname()))
        assert sender.recvfrom(9) == (b"x", ("127.0.0.9", wildcard.getsockname()[1]))
