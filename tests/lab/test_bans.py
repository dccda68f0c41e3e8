# SPDX-License-Identifier: GPL-2.0-or-later
"""Scanners end in the kernel (A21), as do more connections than anybody needs (A31); who is known never does."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.contract.control import Status, wildcard
from tests.lab.engine_rig import Engine
from tests.lab.kernel_rig import (
    ENGINE_UID,
    FW,
    LAN,
    NETS,
    POLICY,
    V4,
    WAN,
    Net,
    Rig,
    hears,
    run,
    tcp,
    udp,
)
from tests.lab.running import until

SAID_AGAIN = 0.9
"""Seconds: a SYN that is dropped, not answered, is sent again after one (RFC 6298 §2): connecting takes longer."""

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("wires")]

AFTER = POLICY.screening.ban_after
CROWD = ip_network("203.0.113.64/26")  # a provider of which only the network is known; .66 and .99 are in it
OPTIONS = b"OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def engine() -> Iterator[Engine]:
    """Beside it a crowd of which anybody may be the provider."""
    rig = Rig(ENGINE_UID)
    rig.write_policy(replace(POLICY, peerings=(*POLICY.peerings, replace(
        POLICY.peerings[0], rule="rule:2", external=(CROWD,)),)))  # fmt: skip
    rig.start()
    made = Engine(rig)
    yield made
    made.stop()
    rig.close()


def scan(net: Net, times: int, source: str = "") -> None:
    with udp(WAN, net.stranger._replace(host=source or net.stranger.host, port=0)) as scanner:
        for _ in range(times):
            scanner.sendto(OPTIONS, net.own_sip)


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.word)
def test_a21_who_knocks_again_and_again_is_banned_listed_and_counted(rig, net):
    broker = rig.client()
    scan(net, AFTER)
    assert broker.bans()[1] == []
    scan(net, 5)
    ((host, seconds, packets, told),) = broker.bans()[1]
    assert (host, told) == (net.stranger.host, False)
    assert POLICY.screening.ban - 5 <= seconds <= POLICY.screening.ban
    assert broker.drops()["banned-source"] == packets == 5
    assert broker.unban(host).status is Status.OK
    assert broker.unban(host).status is Status.FAILED
    scan(net, AFTER)
    assert broker.bans()[1] == []


def test_nobody_is_banned_who_is_known_or_gets_answers(rig):
    broker = rig.client()
    _, sip = broker.transparent_socket(wildcard(V4.own_sip))
    with sip, udp(WAN, V4.provider_sip) as provider:
        for _ in range(5 * AFTER):
            provider.sendto(OPTIONS, V4.own_sip)
        assert len(hears(sip)) == 5 * AFTER
        for _ in range(5 * AFTER):  # at a port of ours where it has nothing to do
            provider.sendto(OPTIONS, V4.own_sip._replace(port=30000))
    with udp(WAN, V4.stranger) as peer, sip:
        for _ in range(5 * AFTER):
            peer.sendto(b"rtp", V4.mapped)
    assert broker.bans()[1] == []
    assert broker.drops()["banned-source"] == 0


def test_an_operators_own_server_at_that_port_keeps_its_branch_office(rig):
    """30 telephones behind one address come back at once to a server that a DNAT rule of the operator leads to."""
    dnat = f"""table inet own_dnat {{
      chain pre_own {{
        type nat hook prerouting priority -100
        iifname wan0 ip saddr {V4.stranger.host} udp dport 5060 dnat ip to {V4.pc.host}:5060
      }}
    }}"""
    run("nft", "-f", "-", namespace=FW, stdin=dnat)
    try:
        for port in range(40000, 40000 + 3 * AFTER):
            with udp(WAN, V4.stranger._replace(port=port)) as phone:
                phone.sendto(OPTIONS, V4.own_sip)
        assert rig.client().bans()[1] == []
        assert rig.client().drops()["banned-source"] == 0
    finally:
        run("nft", "delete", "table", "inet", "own_dnat", namespace=FW)


def test_the_engine_is_not_believed_about_whom_to_ban(rig):
    broker = rig.client()
    for host in (V4.provider_sip.host, V4.phone_sip.host, V4.own_sip.host, "192.168.0.77", "127.0.0.1"):
        assert broker.ban(host, 60).why == "refused-p11"
    assert broker.ban(V4.stranger.host, 0).why == "refused-p11"
    assert broker.ban(V4.stranger.host, 60).status is Status.OK
    (banned,) = broker.bans()[1]
    assert (banned.host, banned.told) == (V4.stranger.host, True)
    assert 55 <= banned.seconds <= 60


def test_bans_are_off_and_back_by_the_policy_and_survive_the_broker(rig):
    scan(V4, AFTER + 1)
    rig.write_policy(replace(POLICY, screening=replace(POLICY.screening, ban=0)))
    broker = rig.client()
    broker.reload()
    before = broker.drops()["banned-source"]
    scan(V4, 3)
    assert broker.drops()["banned-source"] == before
    rig.write_policy(POLICY)
    rig.stop(kill=True)
    rig.start()
    scan(V4, 3)
    assert rig.client().drops()["banned-source"] == before + 3


def test_a21_an_abuser_within_a_providers_network_is_banned_by_what_it_says(engine):
    """His neighbours in that network are heard as before, and so is his answer to what a phone asked him."""
    with udp(LAN, V4.phone_sip) as phone, udp(WAN, V4.provider_sip) as provider:
        phone.sendto(OPTIONS_OF_PHONE, V4.provider_sip)
        assert len(hears(provider)) == 1
    with udp(WAN, V4.stranger._replace(port=5060)) as abuser, udp(WAN, V4.rtp_proxy._replace(port=5060)) as neighbour:
        for _ in range(AFTER + 5):
            abuser.sendto(b"INVITE nonsense\r\n\r\n", V4.own_sip)
        (ban,) = until(lambda: engine.ask(op="bans")["items"], 20)
        assert (ban["host"], ban["told"]) == (V4.stranger.host, True)
        heard = engine.counters()["received"]
        abuser.sendto(OPTIONS, V4.own_sip)
        neighbour.sendto(OPTIONS, V4.own_sip)
        assert until(lambda: engine.counters()["received"] > heard, 20)
        assert engine.counters()["received"] == heard + 1
        with udp(LAN, V4.phone_sip) as phone:
            phone.sendto(OPTIONS_OF_PHONE.replace(b"bK7", b"bK8"), V4.stranger._replace(port=5060))
            ((asked, source),) = hears(abuser)
            abuser.sendto(asked.replace(b"OPTIONS sip:example.org SIP/2.0", b"SIP/2.0 200 OK", 1), source)
            assert phone.recv(2000).startswith(b"SIP/2.0 200")
        heard += 2
        assert engine.ask(op="unban", host=V4.stranger.host) == {"ok": True, "host": V4.stranger.host}
        assert "not banned" in engine.ask(op="unban", host=V4.stranger.host)["error"]
        assert "IP address" in engine.ask(op="unban", host="somebody")["error"]
        assert engine.ask(op="bans") == {"items": []}
        abuser.sendto(OPTIONS, V4.own_sip)
        assert until(lambda: engine.counters()["received"] == heard + 2, 20)
    assert engine.counters()["banned:abuse"] == 1


OPTIONS_OF_PHONE = "\r\n".join((
    "OPTIONS sip:example.org SIP/2.0", f"Via: SIP/2.0/UDP {V4.phone_sip};branch=z9hG4bK7",
    "From: <sip:a@example.org>;tag=1", "To: <sip:example.org>", "Call-ID: 7@x", "CSeq: 1 OPTIONS",
    "Max-Forwards: 70", "Content-Length: 0", "\r\n",
)).encode()  # fmt: skip


def test_a31_one_host_holds_so_many_connections_and_the_rest_is_reset_at_once(engine):
    most = POLICY.screening.connections_per_host
    run("ip", "addr", "add", "192.168.0.2/24", "dev", "eth0", namespace=LAN)
    with contextlib.ExitStack() as held:
        for _ in range(most):
            held.enter_context(tcp(LAN, V4.phone_sip._replace(port=0))).connect(V4.provider_sip)
        for _ in range(50):
            with tcp(LAN, V4.phone_sip._replace(port=0)) as refused:
                began = time.monotonic()
                with pytest.raises(ConnectionRefusedError):
                    refused.connect(V4.provider_sip)
                assert time.monotonic() - began < SAID_AGAIN
        assert engine.rig.drops()["connections-of-host"] == 50
        with tcp(LAN, V4.phone_sip._replace(host="192.168.0.2", port=0)) as other:
            other.connect(V4.provider_sip)
    assert until(connects_again, 20)  # closed connections count no more


def connects_again() -> bool:
    with tcp(LAN, V4.phone_sip._replace(port=0)) as again:
        try:
            again.connect(V4.provider_sip)
        except ConnectionRefusedError:
            return False
    return True


def test_a31_strangers_leave_room_for_who_is_known(engine):
    most = POLICY.screening.connections_of_strangers
    hosts = [f"203.0.113.{number}" for number in range(100, 110)]
    for host in hosts:
        run("ip", "addr", "add", f"{host}/24", "dev", "eth0", namespace=WAN)
    opened = refused = 0
    with contextlib.ExitStack() as held:
        for host in hosts:
            for _ in range(16):
                stranger = held.enter_context(tcp(WAN, V4.stranger._replace(host=host, port=0)))
                stranger.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    stranger.connect(V4.own_sip)
                    opened += 1
                except ConnectionRefusedError:
                    refused += 1
        assert (opened, refused) == (most, 16 * len(hosts) - most)
        began = time.monotonic()
        with tcp(WAN, V4.provider_sip._replace(port=0)) as provider:
            provider.connect(V4.own_sip)
        assert time.monotonic() - began < SAID_AGAIN
    assert engine.rig.drops()["connections-of-strangers"] == refused
