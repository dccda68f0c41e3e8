# SPDX-License-Identifier: GPL-2.0-or-later
"""Ancillary data of a real socket on the loopback interface."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from sipalg_core.contract.policy import AlgPolicy, Interface
from sipalg_core.io import tproxy
from sipalg_core.net import Datagram, Endpoint, Flow, Side, Transport

OPTIONS = {  # IP_PKTINFO, IP_RECVORIGDSTADDR; IPV6_RECVPKTINFO, IPV6_RECVORIGDSTADDR
    "127.0.0.1": (socket.SOL_IP, 8, 20),
    "::1": (socket.IPPROTO_IPV6, 49, 74),
}


@pytest.fixture(params=OPTIONS)
def host(request) -> str:
    return request.param


def bound(host: str) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    made.setblocking(False)
    return made


@pytest.fixture
def listener(host) -> Iterator[socket.socket]:
    level, *options = OPTIONS[host]
    with bound(host) as made:
        for each in options:
            made.setsockopt(level, each, 1)
        yield made


@pytest.fixture
def sender(host) -> Iterator[socket.socket]:
    with bound(host) as made:
        yield made


def name(sock: socket.socket) -> Endpoint:
    return Endpoint(*sock.getsockname()[:2])


def test_a_datagram_knows_its_flow(listener, sender):
    sides = tproxy.sides(
        AlgPolicy(1, interfaces=(Interface("lo", Side.EXTERNAL, ()), Interface("gone0", Side.INTERNAL, ())))
    )
    sender.sendto(b"\xff" * 60_000, listener.getsockname())
    assert tproxy.receive(listener, tproxy.Flows(sides)) == Datagram(
        b"\xff" * 60_000,
        Flow(Transport.UDP, Side.EXTERNAL, name(sender), name(listener)),
    )
    with pytest.raises(BlockingIOError):
        tproxy.receive(listener, tproxy.Flows(sides))


def test_an_interface_that_is_not_in_the_policy_has_no_side(listener, sender):
    sender.sendto(b"x", listener.getsockname())
    assert tproxy.receive(listener, tproxy.Flows({})) is None


@pytest.mark.parametrize(("host", "source"), [("127.0.0.1", "127.0.0.9"), ("::1", "::1")])
def test_the_source_address_is_the_one_asked_for(sender, host, source):
    with bound("::" if ":" in host else "0.0.0.0") as wildcard:
        tproxy.send(wildcard, b"x", source, name(sender))
        assert sender.recvfrom(9)[1][:2] == (source, wildcard.getsockname()[1])
