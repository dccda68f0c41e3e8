# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's half of the ALG, with a real broker and real packets: interception, pinholes, media NAT, counters."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.contract.control import Counter, Pinhole, Reply, Status, wildcard
from sipalg_core.contract.policy import Timers
from sipalg_core.io.pinholes import BrokerClient
from tests.lab.kernel_rig import (
    FW,
    LAN,
    POLICY,
    WAN,
    hears,
    run,
    udp,
)

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("wires")]


@pytest.fixture
def phone(net) -> Iterator[socket.socket]:
    with udp(LAN, net.phone) as made:
        yield made


@pytest.fixture
def rtp_proxy(net) -> Iterator[socket.socket]:
    with udp(WAN, net.rtp_proxy) as made:
        yield made


def opened(broker: BrokerClient, hole: Pinhole) -> None:
    reply = broker.open(hole)
    assert reply.status is Status.OK, reply


# --- what a pinhole lets through ---


def test_media_passes_both_ways_from_exactly_the_announced_port(broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole())
    phone.sendto(b"out", net.rtp_proxy)
    assert hears(rtp_proxy) == [(b"out", net.mapped)]
    rtp_proxy.sendto(b"in", net.mapped)
    assert hears(phone) == [(b"in", net.rtp_proxy)]


def test_media_of_the_peer_may_come_first(broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole())
    rtp_proxy.sendto(b"in", net.mapped)
    assert hears(phone) == [(b"in", net.rtp_proxy)]
    phone.sendto(b"out", net.rtp_proxy)
    assert hears(rtp_proxy) == [(b"out", net.mapped)]


def test_without_a_pinhole_nothing_passes(rig, phone, rtp_proxy, net):
    phone.sendto(b"out", net.rtp_proxy)
    rtp_proxy.sendto(b"in", net.mapped)
    assert hears(rtp_proxy) == hears(phone) == []


def test_a_stranger_and_a_wrong_port_reach_nobody(broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole())
    rtp_proxy.sendto(b"mine", net.mapped)
    with udp(WAN, net.stranger) as stranger, udp(WAN, net.rtp_proxy._replace(port=7002)) as wrong_port:
        for sender in (stranger, wrong_port):
            for port in (net.mapped.port, net.mapped.port + 1):
                sender.sendto(b"theirs", net.mapped._replace(port=port))
    assert hears(phone) == [(b"mine", net.rtp_proxy)]


def test_another_inside_host_cannot_use_the_pinhole(broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole())
    with udp(LAN, net.pc._replace(port=net.phone.port)) as other:
        other.sendto(b"theirs", net.rtp_proxy)
    assert hears(rtp_proxy) == []


def test_a_gate_takes_any_port_of_its_host_and_no_other_host(broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole(external=net.rtp_proxy._replace(port=0)))
    with udp(WAN, net.rtp_proxy._replace(port=9000)) as late, udp(WAN, net.stranger) as stranger:
        late.sendto(b"early media", net.mapped)
        stranger.sendto(b"theirs", net.mapped)
        assert hears(phone) == [(b"early media", net.rtp_proxy._replace(port=9000))]
        phone.sendto(b"out", net.rtp_proxy._replace(port=9000))
        assert hears(late) == [(b"out", net.mapped)]


# --- how it ends ---


def test_closing_stops_running_media_at_once(rig, broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole())
    for _ in range(3):
        phone.sendto(b"out", net.rtp_proxy)
        rtp_proxy.sendto(b"in", net.mapped)
    assert len(hears(rtp_proxy)) == len(hears(phone)) == 3
    assert broker.close(net.pinhole()).status is Status.OK
    phone.sendto(b"out", net.rtp_proxy)
    rtp_proxy.sendto(b"in", net.mapped)
    assert hears(rtp_proxy) == hears(phone) == []
    assert "dport=7000" not in run("conntrack", "-L", namespace=FW)


def test_the_kernel_ends_an_idle_pinhole_and_stops_what_is_established(rig, broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole())
    phone.sendto(b"out", net.rtp_proxy)
    assert hears(rtp_proxy)
    opened(broker, net.pinhole(lifetime=0.5))
    rig.stop(kill=True)  # no process of ours is alive
    time.sleep(0.7)
    phone.sendto(b"late", net.rtp_proxy)
    rtp_proxy.sendto(b"late", net.mapped)
    assert hears(rtp_proxy) == hears(phone) == []
    assert rig.drops()["pinhole-closed"] == 2


def test_packets_renew_the_kernel_timeout(rig, broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole(lifetime=1))
    phone.sendto(b"out", net.rtp_proxy)
    assert hears(rtp_proxy)
    expires = re.search(r"expires (\d+)s", rig.listed("set", f"pinholes_out_{net.word}"))
    assert expires
    assert 8 <= int(expires[1]) <= POLICY.timers.inactive_media


def test_the_next_call_of_the_same_endpoints_gets_its_own_mapping(broker, phone, rtp_proxy, net):
    other = net.mapped._replace(port=20002)
    opened(broker, net.pinhole(1))
    phone.sendto(b"first", net.rtp_proxy)
    assert hears(rtp_proxy) == [(b"first", net.mapped)]
    broker.close(net.pinhole(1))
    opened(broker, net.pinhole(2, mapped=other))
    phone.sendto(b"second", net.rtp_proxy)
    assert hears(rtp_proxy) == [(b"second", other)]


def test_a_gates_connections_do_not_outlive_it(broker, phone, rtp_proxy, net):
    gate, other = net.pinhole(1, external=net.rtp_proxy._replace(port=0)), net.mapped._replace(port=20002)
    opened(broker, gate)
    phone.sendto(b"first", net.rtp_proxy)
    assert hears(rtp_proxy) == [(b"first", net.mapped)]
    broker.close(gate)
    opened(broker, net.pinhole(2, mapped=other, external=net.rtp_proxy._replace(port=0)))
    phone.sendto(b"second", net.rtp_proxy)
    assert hears(rtp_proxy) == [(b"second", other)]


def test_forked_dialogs_share_their_translation_until_the_last_ends(broker, phone, rtp_proxy, net):
    fork = net.pinhole(2, external=net.rtp_proxy._replace(port=7002))
    opened(broker, net.pinhole(1))
    opened(broker, net.pinhole(3))  # behind one RTP proxy both forks may name the same endpoint
    opened(broker, fork)
    broker.close(net.pinhole(1))
    phone.sendto(b"out", net.rtp_proxy)
    assert hears(rtp_proxy) == [(b"out", net.mapped)]
    broker.close(net.pinhole(3))
    with udp(WAN, fork.external) as second:
        phone.sendto(b"out", fork.external)
        phone.sendto(b"out", net.rtp_proxy)
        assert hears(second) == [(b"out", net.mapped)]
    assert hears(rtp_proxy) == []


# --- what is counted ---


def test_packets_are_counted_by_direction(broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole())
    for _ in range(7):
        phone.sendto(b"out", net.rtp_proxy)
    for _ in range(4):
        rtp_proxy.sendto(b"in", net.mapped)
    hears(phone)
    assert broker.count() == (Reply(2, Status.OK, 0, 1), [Counter(1, 4, 7)])


def test_a_renewed_pinhole_keeps_its_counts_and_gets_its_new_lifetime(rig, broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole(external=net.rtp_proxy._replace(port=0)))
    phone.sendto(b"out", net.rtp_proxy)
    assert hears(rtp_proxy)
    opened(broker, net.pinhole(lifetime=300))  # gate → exact
    assert "timeout 5m" in rig.listed("set", f"pinholes_out_{net.word}")
    assert "elements" not in rig.listed("set", f"pinholes_out_any_{net.word}")
    phone.sendto(b"out", net.rtp_proxy)
    assert hears(rtp_proxy) == [(b"out", net.mapped)]
    assert broker.count()[1] == [Counter(1, 0, 2)]


def test_media_in_one_direction_keeps_the_other_open(rig, broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole(lifetime=3))
    phone.sendto(b"out", net.rtp_proxy)
    hears(rtp_proxy)
    broker.count()
    assert "expires 9s" in rig.listed("set", f"pinholes_in_{net.word}")


def test_an_expired_pinhole_is_counted_no_more_and_leaves_no_translation(rig, broker, net):
    opened(broker, net.pinhole(lifetime=0.2))
    time.sleep(0.4)
    assert broker.count()[1] == []
    assert "elements" not in rig.listed("map", f"media_dnat_{net.word}")


# --- restart, reload ---


@pytest.mark.parametrize("port", [7000, 0])
def test_a_new_broker_adopts_what_stands(rig, broker, phone, rtp_proxy, port, net):
    external = net.rtp_proxy._replace(port=port)
    opened(broker, net.pinhole(12, external=external))
    phone.sendto(b"out", net.rtp_proxy)
    assert hears(rtp_proxy)
    rig.stop(kill=True)
    phone.sendto(b"out", net.rtp_proxy)
    assert hears(rtp_proxy) == [(b"out", net.mapped)]
    rig.start()
    phone.sendto(b"out", net.rtp_proxy)
    assert hears(rtp_proxy) == [(b"out", net.mapped)]
    assert broker.count()[1] == [Counter(12, 0, 3)]
    assert broker.close(net.pinhole(12, external=external)).status is Status.OK
    phone.sendto(b"late", net.rtp_proxy)
    assert hears(rtp_proxy) == []
    assert "elements" not in rig.listed("map", f"media_snat_{net.word}")


def test_a_reload_changes_who_may_signal_and_no_pinhole(rig, broker, phone, rtp_proxy, net):
    opened(broker, net.pinhole())
    inside = ip_network(f"{net.gateway.host}/{28 if net.word == 'ip' else 124}", strict=False)
    provider = net.provider_sip.host[:-1] + "7"
    peering = replace(POLICY.peerings[0], internal=(inside,), external=(ip_network(provider),))
    rig.write_policy(replace(POLICY, revision=2, peerings=(peering,), timers=Timers(inactive_media=77)))
    assert broker.reload() == Reply(2, Status.OK, 0, 2)
    assert f"{inside} . {provider} . 5060" in rig.listed("set", f"sip_peers_{net.word}")
    assert f"{provider} . {net.mapped.host} . 30000-30999" in rig.listed("set", f"sip_providers_{net.word}")
    phone.sendto(b"out", net.rtp_proxy)
    assert hears(rtp_proxy) == [(b"out", net.mapped)]
    assert "expires 1m16s" in rig.listed("set", f"pinholes_out_{net.word}")


def test_a_policy_that_cannot_be_leaves_the_running_one(rig, broker, net):
    before = rig.listed("set", f"sip_peers_{net.word}")
    rig.policy_file.write_text('{"revision": "x"}')
    assert broker.reload().status is Status.FAILED
    assert rig.listed("set", f"sip_peers_{net.word}") == before
    opened(broker, net.pinhole())


# --- signalling ---


def test_a_dead_engine_leaks_no_private_address(rig, net):
    with udp(LAN, net.phone_sip) as phone, udp(WAN, net.provider_sip) as provider:
        phone.sendto(b"REGISTER", net.provider_sip)
        assert hears(provider) == []
    assert rig.drops()["engine-dead"] == 1


def test_hosts_without_a_sip_rule_are_not_intercepted(rig, net):
    _, listener = rig.client().transparent_socket(wildcard(net.own_sip))
    assert listener is not None
    with listener, udp(LAN, net.pc) as pc, udp(WAN, net.stranger._replace(port=5060)) as stranger:
        pc.sendto(b"REGISTER", net.provider_sip)
        stranger.sendto(b"INVITE", net.own_sip)
        listener.settimeout(0.3)
        with pytest.raises(TimeoutError):
            listener.recv(100)


# --- who may ask, and for what ---


def test_the_contract_is_checked_again(broker, net):
    reply = broker.open(net.pinhole(external=net.pc._replace(port=80)))
    assert (reply.status, reply.detail) == (Status.REFUSED, 3)
    reply, made = broker.transparent_socket(wildcard(net.own_sip)._replace(port=22))
    assert (reply.status, reply.detail, made) == (Status.REFUSED, 6, None)
    assert broker.count()[1] == []


def test_a_request_that_is_none_ends_the_connection_and_nothing_else(rig, broker, net):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as rude:
        rude.settimeout(1)
        rude.connect(str(rig.socket))
        rude.send(b"hello")
        assert rude.recv(100) == b""
    opened(broker, net.pinhole())
