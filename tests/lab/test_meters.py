# SPDX-License-Identifier: GPL-2.0-or-later
"""Floods of signalling end in the kernel (A22, A23): of one source, of many forged ones; known peers lose nothing."""

from __future__ import annotations

import random
import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.contract.control import wildcard
from tests.lab.kernel_rig import FW, NETS, POLICY, V4, WAN, Net, Rig, namespaces, run, udp, within

pytestmark = pytest.mark.lab

SOURCE_RATE, SOURCE_BURST = 200, 400
STRANGERS_RATE, STRANGERS_BURST = 2000, 4000
MOST_SOURCES = 65_535
FORGED = ip_network("198.18.0.0/15")


@pytest.fixture(scope="module", autouse=True)
def _namespaces() -> Iterator[None]:
    with namespaces():
        run("ip", "route", "add", str(FORGED), "dev", "wan0", namespace=FW)
        yield


@pytest.fixture
def rig() -> Iterator[Rig]:
    """Providers with a name, and providers that are only somewhere in a network."""
    made = Rig()
    networks = *POLICY.peerings[0].external, ip_network("203.0.113.64/26"), ip_network("2001:db8:a::40/122"), FORGED
    made.write_policy(replace(POLICY, peerings=(replace(POLICY.peerings[0], external=networks),)))
    made.start()
    yield made
    made.close()


def listener(rig: Rig, net: Net) -> socket.socket:
    _, made = rig.client().transparent_socket(wildcard(net.own_sip))
    assert made is not None
    return made


def drained(sock: socket.socket) -> Counter[str]:
    """Datagrams that have come, by their source."""
    sources: Counter[str] = Counter()
    sock.setblocking(False)
    while True:
        try:
            sources[sock.recvfrom(64)[1][0]] += 1
        except BlockingIOError:
            return sources


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.word)
def test_a22_one_source_gets_its_part_and_a_known_peer_loses_nothing(rig, net):
    stranger = net.stranger._replace(host=net.stranger.host.replace("::66", "::42"), port=5060)
    if net.word == "ip6":
        run("ip", "addr", "add", f"{stranger.host}/64", "dev", "eth0", "nodad", namespace=WAN)
    sent = known = 0
    with listener(rig, net) as sip, udp(WAN, stranger) as flood, udp(WAN, net.provider_sip) as provider:
        began = time.monotonic()
        while (elapsed := time.monotonic() - began) < 2:
            for _ in range(100):
                flood.sendto(b"INVITE", net.own_sip)
            sent += 100
            if elapsed * 15 >= known:
                provider.sendto(b"OPTIONS", net.own_sip)
                known += 1
        passed = drained(sip)
    assert known >= 30
    assert passed[net.provider_sip.host] == known
    assert SOURCE_BURST <= passed[stranger.host] <= SOURCE_BURST + SOURCE_RATE * (elapsed + 0.2)
    assert rig.client().drops()["source-rate"] == sent - passed[stranger.host]
    assert sent > 20 * passed[stranger.host]


def forged(source: bytes) -> bytes:
    datagram = struct.pack("!HHHH", 5060, 5060, 14, 0) + b"INVITE"
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(datagram), 0, 0, 64, socket.IPPROTO_UDP, 0)
    return header + source + socket.inet_aton(V4.own_sip.host) + datagram


def test_a23_forged_sources_meet_one_limit_for_all_even_when_the_meter_is_full(rig):
    first = int(FORGED.network_address)
    sources = random.Random(1).sample(range(first, first + FORGED.num_addresses), 100_000)
    raw = within(WAN, lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
    known = 0
    with raw, listener(rig, V4) as sip, udp(WAN, V4.provider_sip) as provider:
        began = time.monotonic()
        passed: Counter[str] = Counter()
        for number, source in enumerate(sources):
            raw.sendto(forged(source.to_bytes(4, "big")), (V4.own_sip.host, 0))
            if not number % 1000:
                provider.sendto(b"OPTIONS", V4.own_sip)
                known += 1
                passed += drained(sip)
        elapsed = time.monotonic() - began
        time.sleep(0.1)
        passed += drained(sip)
    assert passed.pop(V4.provider_sip.host) == known
    assert STRANGERS_BURST <= passed.total() <= STRANGERS_BURST + STRANGERS_RATE * (elapsed + 0.2)
    drops = rig.client().drops()
    assert drops["strangers-rate"] == len(sources) - passed.total()
    assert drops["source-rate"] == 0
    assert rig.listed("set", "sip_sources_ip").count("expires") == MOST_SOURCES


def test_a_reload_forgets_no_drop(rig):
    with udp(WAN, V4.provider_sip) as provider:
        provider.sendto(b"OPTIONS", V4.own_sip)
    before = rig.drops()
    assert before["engine-dead"] == 1
    broker = rig.client()
    broker.reload()
    assert broker.drops() == rig.drops() == before


def test_the_limits_are_those_of_the_table(rig):
    rules = rig.listed("chain", "signalling_strangers_ip")
    assert f"limit rate over {SOURCE_RATE}/second burst {SOURCE_BURST} packets" in rules
    assert f"limit rate over {STRANGERS_RATE}/second burst {STRANGERS_BURST} packets" in rules
    assert V4.provider_sip.host in rig.listed("set", "sip_known_ip")
