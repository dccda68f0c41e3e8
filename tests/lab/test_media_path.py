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

from sipalg_core.contract.control import Counter, Pinhole, Reply, Status
from sipalg_core.contract.policy import Timers
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.net import Endpoint
from tests.lab.kernel_rig import (
    FW,
    LAN,
    MAPPED,
    OWN_SIP,
    PHONE,
    PHONE_SIP,
    POLICY,
    PROVIDER_SIP,
    RTP_PROXY,
    STRANGER,
    WAN,
    Rig,
    hears,
    namespaces,
    pinhole,
    run,
    udp,
)

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> Iterator[None]:
    with namespaces():
        yield


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    made.start()
    yield made
    made.close()


@pytest.fixture
def broker(rig: Rig) -> BrokerClient:
    return rig.client()


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    with udp(LAN, PHONE) as made:
        yield made


@pytest.fixture
def rtp_proxy() -> Iterator[socket.socket]:
    with udp(WAN, RTP_PROXY) as made:
        yield made


def opened(broker: BrokerClient, hole: Pinhole) -> None:
    reply = broker.open(hole)
    assert reply.status is Status.OK, reply


def counter(rig: Rig, chain: str, comment: str) -> int:
    found = re.search(rf'packets (\d+) .*comment "{comment}"', rig.listed("chain", chain))
    assert found, rig.listed("chain", chain)
    return int(found[1])


# --- what a pinhole lets through ---


def test_media_passes_both_ways_from_exactly_the_announced_port(broker, phone, rtp_proxy):
    opened(broker, pinhole())
    phone.sendto(b"out", RTP_PROXY)
    assert hears(rtp_proxy) == [(b"out", MAPPED)]
    rtp_proxy.sendto(b"in", MAPPED)
    assert hears(phone) == [(b"in", RTP_PROXY)]


def test_media_of_the_peer_may_come_first(broker, phone, rtp_proxy):
    opened(broker, pinhole())
    rtp_proxy.sendto(b"in", MAPPED)
    assert hears(phone) == [(b"in", RTP_PROXY)]
    phone.sendto(b"out", RTP_PROXY)
    assert hears(rtp_proxy) == [(b"out", MAPPED)]


def test_without_a_pinhole_nothing_passes(rig, phone, rtp_proxy):
    phone.sendto(b"out", RTP_PROXY)
    rtp_proxy.sendto(b"in", MAPPED)
    assert hears(rtp_proxy) == hears(phone) == []


def test_a_stranger_and_a_wrong_port_reach_nobody(broker, phone, rtp_proxy):
    opened(broker, pinhole())
    rtp_proxy.sendto(b"mine", MAPPED)
    with udp(WAN, STRANGER) as stranger, udp(WAN, RTP_PROXY._replace(port=7002)) as wrong_port:
        for sender in (stranger, wrong_port):
            for port in (MAPPED.port, MAPPED.port + 1):
                sender.sendto(b"theirs", MAPPED._replace(port=port))
    assert hears(phone) == [(b"mine", RTP_PROXY)]


def test_another_inside_host_cannot_use_the_pinhole(broker, phone, rtp_proxy):
    opened(broker, pinhole())
    with udp(LAN, Endpoint("192.168.0.66", PHONE.port)) as other:
        other.sendto(b"theirs", RTP_PROXY)
    assert hears(rtp_proxy) == []


def test_a_gate_takes_any_port_of_its_host_and_no_other_host(broker, phone, rtp_proxy):
    opened(broker, pinhole(external=RTP_PROXY._replace(port=0)))
    with udp(WAN, RTP_PROXY._replace(port=9000)) as late, udp(WAN, STRANGER) as stranger:
        late.sendto(b"early media", MAPPED)
        stranger.sendto(b"theirs", MAPPED)
        assert hears(phone) == [(b"early media", RTP_PROXY._replace(port=9000))]
        phone.sendto(b"out", RTP_PROXY._replace(port=9000))
        assert hears(late) == [(b"out", MAPPED)]


# --- how it ends ---


def test_closing_stops_running_media_at_once(rig, broker, phone, rtp_proxy):
    opened(broker, pinhole())
    for _ in range(3):
        phone.sendto(b"out", RTP_PROXY)
        rtp_proxy.sendto(b"in", MAPPED)
    assert len(hears(rtp_proxy)) == len(hears(phone)) == 3
    assert broker.close(pinhole()).status is Status.OK
    phone.sendto(b"out", RTP_PROXY)
    rtp_proxy.sendto(b"in", MAPPED)
    assert hears(rtp_proxy) == hears(phone) == []
    assert "dport=7000" not in run("conntrack", "-L", namespace=FW)


def test_the_kernel_ends_an_idle_pinhole_and_stops_what_is_established(rig, broker, phone, rtp_proxy):
    opened(broker, pinhole())
    phone.sendto(b"out", RTP_PROXY)
    assert hears(rtp_proxy)
    opened(broker, pinhole(lifetime=0.5))
    rig.stop(kill=True)  # no process of ours is alive
    time.sleep(0.7)
    phone.sendto(b"late", RTP_PROXY)
    rtp_proxy.sendto(b"late", MAPPED)
    assert hears(rtp_proxy) == hears(phone) == []
    assert counter(rig, "forward_media", "pinhole-closed") == 2


def test_packets_renew_the_kernel_timeout(rig, broker, phone, rtp_proxy):
    opened(broker, pinhole(lifetime=1))
    phone.sendto(b"out", RTP_PROXY)
    assert hears(rtp_proxy)
    expires = re.search(r"expires (\d+)s", rig.listed("set", "pinholes_out_ip"))
    assert expires
    assert 8 <= int(expires[1]) <= POLICY.timers.inactive_media


def test_the_next_call_of_the_same_endpoints_gets_its_own_mapping(broker, phone, rtp_proxy):
    other = MAPPED._replace(port=20002)
    opened(broker, pinhole(1))
    phone.sendto(b"first", RTP_PROXY)
    assert hears(rtp_proxy) == [(b"first", MAPPED)]
    broker.close(pinhole(1))
    opened(broker, pinhole(2, mapped=other))
    phone.sendto(b"second", RTP_PROXY)
    assert hears(rtp_proxy) == [(b"second", other)]


def test_a_gates_connections_do_not_outlive_it(broker, phone, rtp_proxy):
    gate, other = pinhole(1, external=RTP_PROXY._replace(port=0)), MAPPED._replace(port=20002)
    opened(broker, gate)
    phone.sendto(b"first", RTP_PROXY)
    assert hears(rtp_proxy) == [(b"first", MAPPED)]
    broker.close(gate)
    opened(broker, pinhole(2, mapped=other, external=RTP_PROXY._replace(port=0)))
    phone.sendto(b"second", RTP_PROXY)
    assert hears(rtp_proxy) == [(b"second", other)]


def test_forked_dialogs_share_their_translation_until_the_last_ends(broker, phone, rtp_proxy):
    fork = pinhole(2, external=RTP_PROXY._replace(port=7002))
    opened(broker, pinhole(1))
    opened(broker, pinhole(3))  # behind one RTP proxy both forks may name the same endpoint
    opened(broker, fork)
    broker.close(pinhole(1))
    phone.sendto(b"out", RTP_PROXY)
    assert hears(rtp_proxy) == [(b"out", MAPPED)]
    broker.close(pinhole(3))
    with udp(WAN, fork.external) as second:
        phone.sendto(b"out", fork.external)
        phone.sendto(b"out", RTP_PROXY)
        assert hears(second) == [(b"out", MAPPED)]
    assert hears(rtp_proxy) == []


# --- what is counted ---


def test_packets_are_counted_by_direction(broker, phone, rtp_proxy):
    opened(broker, pinhole())
    for _ in range(7):
        phone.sendto(b"out", RTP_PROXY)
    for _ in range(4):
        rtp_proxy.sendto(b"in", MAPPED)
    hears(phone)
    assert broker.count() == (Reply(2, Status.OK, 0, 1), [Counter(1, 4, 7)])


def test_a_renewed_pinhole_keeps_its_counts_and_gets_its_new_lifetime(rig, broker, phone, rtp_proxy):
    opened(broker, pinhole(external=RTP_PROXY._replace(port=0)))
    phone.sendto(b"out", RTP_PROXY)
    assert hears(rtp_proxy)
    opened(broker, pinhole(lifetime=300))  # gate → exact
    assert "timeout 5m" in rig.listed("set", "pinholes_out_ip")
    assert "elements" not in rig.listed("set", "pinholes_out_any_ip")
    phone.sendto(b"out", RTP_PROXY)
    assert hears(rtp_proxy) == [(b"out", MAPPED)]
    assert broker.count()[1] == [Counter(1, 0, 2)]


def test_media_in_one_direction_keeps_the_other_open(rig, broker, phone, rtp_proxy):
    opened(broker, pinhole(lifetime=3))
    phone.sendto(b"out", RTP_PROXY)
    hears(rtp_proxy)
    broker.count()
    assert "expires 9s" in rig.listed("set", "pinholes_in_ip")


def test_an_expired_pinhole_is_counted_no_more_and_leaves_no_translation(rig, broker):
    opened(broker, pinhole(lifetime=0.2))
    time.sleep(0.4)
    assert broker.count()[1] == []
    assert "elements" not in rig.listed("map", "media_dnat_ip")


# --- restart, reload ---


@pytest.mark.parametrize("external", [RTP_PROXY, RTP_PROXY._replace(port=0)])
def test_a_new_broker_adopts_what_stands(rig, broker, phone, rtp_proxy, external):
    opened(broker, pinhole(12, external=external))
    phone.sendto(b"out", RTP_PROXY)
    assert hears(rtp_proxy)
    rig.stop(kill=True)
    phone.sendto(b"out", RTP_PROXY)
    assert hears(rtp_proxy) == [(b"out", MAPPED)]
    rig.start()
    phone.sendto(b"out", RTP_PROXY)
    assert hears(rtp_proxy) == [(b"out", MAPPED)]
    assert broker.count()[1] == [Counter(12, 0, 3)]
    assert broker.close(pinhole(12, external=external)).status is Status.OK
    phone.sendto(b"late", RTP_PROXY)
    assert hears(rtp_proxy) == []
    assert "elements" not in rig.listed("map", "media_snat_ip")


def test_a_reload_changes_who_may_signal_and_no_pinhole(rig, broker, phone, rtp_proxy):
    opened(broker, pinhole())
    peering = replace(
        POLICY.peerings[0], internal=(ip_network("192.168.0.0/28"),), external=(ip_network("203.0.113.7/32"),)
    )
    rig.write_policy(replace(POLICY, revision=2, peerings=(peering,), timers=Timers(inactive_media=77)))
    assert broker.reload() == Reply(2, Status.OK, 0, 2)
    assert "192.168.0.0/28 . 203.0.113.7 . 5060" in rig.listed("set", "sip_peers_ip")
    assert "203.0.113.7 . 203.0.113.2 . 30000-30999" in rig.listed("set", "sip_providers_ip")
    phone.sendto(b"out", RTP_PROXY)
    assert hears(rtp_proxy) == [(b"out", MAPPED)]
    assert "expires 1m16s" in rig.listed("set", "pinholes_out_ip")


def test_a_policy_that_cannot_be_leaves_the_running_one(rig, broker):
    before = rig.listed("set", "sip_peers_ip")
    rig.policy_file.write_text('{"revision": "x"}')
    assert broker.reload().status is Status.FAILED
    assert rig.listed("set", "sip_peers_ip") == before
    opened(broker, pinhole())


# --- signalling ---


def test_a_dead_engine_leaks_no_private_address(rig):
    with udp(LAN, PHONE_SIP) as phone, udp(WAN, PROVIDER_SIP) as provider:
        phone.sendto(b"REGISTER", PROVIDER_SIP)
        assert hears(provider) == []
    assert counter(rig, "prerouting_alg", "engine-dead") == 1


def test_hosts_without_a_sip_rule_are_not_intercepted(rig):
    _, listener = rig.client().transparent_socket(5060)
    assert listener is not None
    with listener, udp(LAN, Endpoint("192.168.0.66", 5060)) as pc, udp(WAN, Endpoint("203.0.113.66", 5060)) as stranger:
        pc.sendto(b"REGISTER", PROVIDER_SIP)
        stranger.sendto(b"INVITE", OWN_SIP)
        listener.settimeout(0.3)
        with pytest.raises(TimeoutError):
            listener.recv(100)


# --- who may ask, and for what ---


def test_the_contract_is_checked_again(broker):
    reply = broker.open(pinhole(external=Endpoint("192.168.0.66", 80)))
    assert (reply.status, reply.detail) == (Status.REFUSED, 3)
    reply, made = broker.transparent_socket(22)
    assert (reply.status, reply.detail, made) == (Status.REFUSED, 6, None)
    assert broker.count()[1] == []


def test_a_request_that_is_none_ends_the_connection_and_nothing_else(rig, broker):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as rude:
        rude.settimeout(1)
        rude.connect(str(rig.socket))
        rude.send(b"hello")
        assert rude.recv(100) == b""
    opened(broker, pinhole())
