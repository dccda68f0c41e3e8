# SPDX-License-Identifier: GPL-2.0-or-later
"""Media that fits no pinhole is counted where it helps to explain a call, and passes no more than it would have."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.contract.control import Status, Stray
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.net import Endpoint, Side
from tests.lab.kernel_rig import LAN, POLICY, WAN, hears, udp

pytestmark = pytest.mark.lab


@pytest.fixture
def phone(net) -> Iterator[socket.socket]:
    with udp(LAN, net.phone) as made:
        yield made


def settled(broker: BrokerClient, packets: int) -> list[Stray]:
    """What the kernel noted, once it has noted so many packets."""
    deadline = time.monotonic() + 2
    seen = broker.strays()
    while sum(stray.packets for stray in seen) < packets and time.monotonic() < deadline:
        time.sleep(0.02)
        seen = broker.strays()
    return sorted(seen)


def test_media_from_elsewhere_is_counted_once_a_packet(broker, phone, net):
    broker.open(net.pinhole())
    elsewhere = net.stranger
    with udp(WAN, elsewhere) as other:
        for _ in range(5):
            other.sendto(b"theirs", net.mapped)
        assert settled(broker, 5) == [Stray(Side.EXTERNAL, elsewhere, net.mapped, 5)]
    assert hears(phone) == []


def test_media_to_another_port_is_counted_under_that_port(broker, net):
    broker.open(net.pinhole())
    missed = net.mapped._replace(port=net.mapped.port + 10)
    with udp(WAN, net.rtp_proxy) as proxy:
        proxy.sendto(b"lost", missed)
        assert settled(broker, 1) == [Stray(Side.EXTERNAL, net.rtp_proxy, missed, 1)]


def test_what_fits_is_no_stray(broker, phone, net):
    broker.open(net.pinhole())
    with udp(WAN, net.rtp_proxy) as proxy:
        proxy.sendto(b"in", net.mapped)
        assert hears(phone)
        phone.sendto(b"out", net.rtp_proxy)
        assert hears(proxy)
    assert broker.strays() == []


def test_phone_that_sends_from_another_port_is_counted_while_its_call_lasts(broker, net):
    broker.open(net.pinhole())
    with udp(LAN, net.phone._replace(port=net.phone.port + 2)) as wrong:
        wrong.sendto(b"lost", net.rtp_proxy)
        expected = Stray(Side.INTERNAL, net.phone._replace(port=net.phone.port + 2), net.rtp_proxy, 1)
        assert settled(broker, 1) == [expected]
        broker.close(net.pinhole())
        wrong.sendto(b"nobody's call", net.rtp_proxy)
        time.sleep(0.1)
        assert broker.strays() == [expected]


def test_ports_that_are_not_for_media_are_not_watched(broker, net):
    with udp(WAN, net.stranger) as other:
        other.sendto(b"x", net.mapped._replace(port=15000))
        time.sleep(0.1)
    assert broker.strays() == []


def test_flood_fills_the_memory_and_opens_nothing(broker, phone, net):
    broker.open(net.pinhole())
    with udp(WAN, net.stranger) as flood, udp(WAN, net.rtp_proxy) as proxy:
        for port in range(net.mapped.port + 2, net.mapped.port + 2002):
            flood.sendto(b"x", net.mapped._replace(port=port))
        proxy.sendto(b"in", net.mapped)
        assert hears(phone) == [(b"in", net.rtp_proxy)]
    assert len(broker.strays()) == 1024


def test_a37_engine_is_not_believed_in_what_it_has_learnt(rig, broker, phone, net):
    """One source, exactly, within the provider's networks, which the kernel heard beside a silent pinhole."""
    told = net.pinhole(1, external=Endpoint(net.provider_sip.host, 7000))
    learnt = net.pinhole(2)._replace(learnt=True)
    second = learnt._replace(id=3, external=net.rtp_proxy._replace(port=7002))
    broker.open(told)
    assert broker.open(learnt).why == "refused-p3"  # no provider has it switched on
    networks = (ip_network(net.rtp_proxy.host), ip_network(net.provider_sip.host))
    peering = replace(POLICY.peerings[0], learn_media=True, media=networks)
    rig.write_policy(replace(POLICY, revision=2, peerings=(peering,)))
    assert broker.reload().status is Status.OK
    assert broker.open(learnt).why == "refused-p7"
    with udp(WAN, net.rtp_proxy) as real, udp(WAN, second.external) as other, udp(WAN, net.stranger) as thief:
        for sender in (real, other, thief):
            sender.sendto(b"early", net.mapped)
        assert settled(broker, 3)
        assert hears(phone) == []
        for refused, wrong in (
            ("refused-p3", {"external": net.stranger}),
            ("refused-p4", {"external": net.rtp_proxy._replace(port=0)}),
            ("refused-p7", {"external": net.rtp_proxy._replace(port=7004)}),  # nobody was heard there
            ("refused-p7", {"mapped": net.mapped._replace(port=net.mapped.port + 2)}),  # there is no pinhole
        ):
            assert broker.open(learnt._replace(**wrong)).why == refused
        assert broker.open(learnt).status is Status.OK
        rig.stop(kill=True)
        rig.start()
        broker = rig.client()
        assert broker.open(second).why == "refused-p7"  # there is one already
        for sender in (real, other, thief):
            sender.sendto(b"late", net.mapped)
        assert hears(phone) == [(b"late", net.rtp_proxy)]
    broker.close(learnt)
    with udp(WAN, told.external) as proxy, udp(WAN, net.rtp_proxy) as real:
        proxy.sendto(b"as told", net.mapped)
        assert hears(phone) == [(b"as told", told.external)]
        real.sendto(b"early", net.mapped)
        assert settled(broker, 1)
        assert broker.open(learnt).why == "refused-p7"  # it comes from where the description said


def test_strangers_cannot_fill_the_memory_of_what_may_be_learnt(rig, broker, net):
    peering = replace(POLICY.peerings[0], learn_media=True, media=(ip_network(net.rtp_proxy.host),))
    rig.write_policy(replace(POLICY, revision=2, peerings=(peering,)))
    broker.reload()
    broker.open(net.pinhole(1, external=Endpoint(net.provider_sip.host, 7000)))
    with udp(WAN, net.stranger) as flood, udp(WAN, net.rtp_proxy) as real:
        for port in range(net.mapped.port + 2, net.mapped.port + 1602):
            flood.sendto(b"x", net.mapped._replace(port=port))
        real.sendto(b"early", net.mapped)
        assert settled(broker, 1025)
    assert broker.open(net.pinhole(2)._replace(learnt=True)).status is Status.OK
