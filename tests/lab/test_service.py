# SPDX-License-Identifier: GPL-2.0-or-later
"""On the wire: the class of service of media and signalling, and SIP while no engine listens."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.contract.policy import AlgPolicy, Handling
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.net import Endpoint
from tests.lab.engine_rig import Engine
from tests.lab.kernel_rig import (
    ENGINE_UID,
    FW,
    LAN,
    POLICY,
    WAN,
    Net,
    Rig,
    hears,
    namespaces,
    run,
    tcp,
    udp,
    within,
)
from tests.lab.running import until
from tests.lab.test_routed import answer, arrived, both, request

pytestmark = pytest.mark.lab

_IPV6_RECVTCLASS, _IPV6_TCLASS = 66, 67  # linux/in6.h


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with namespaces():
        made = Rig(ENGINE_UID)
        made.start()
        yield made
        made.close()


@pytest.fixture
def engine(rig: Rig) -> Iterator[Engine]:
    made = started(rig)
    yield made
    made.stop()


def started(rig: Rig) -> Engine:
    (rig.run_dir / "engine.sock").unlink(missing_ok=True)
    return Engine(rig)


def under(rig: Rig, engine: Engine, policy: AlgPolicy) -> None:
    rig.write_policy(policy)
    assert engine.ask(op="reload")["broker"] == "OK"


def marked(namespace: str, at: Endpoint) -> socket.socket:
    """A socket that is told the traffic class of what it gets."""
    made = udp(namespace, at)
    level, option = (socket.IPPROTO_IPV6, _IPV6_RECVTCLASS) if ":" in at.host else (socket.SOL_IP, socket.IP_RECVTOS)
    made.setsockopt(level, option, 1)
    return made


def dscp(sock: socket.socket) -> int:
    """Of the next datagram."""
    _, ancillary, _, _ = sock.recvmsg(65_535, 64)
    ((_, _, value),) = [
        each for each in ancillary if each[:2] in ((socket.SOL_IP, socket.IP_TOS), (socket.IPPROTO_IPV6, _IPV6_TCLASS))
    ]
    return int.from_bytes(value, "little") >> 2


def media_dscp(rig: Rig, net: Net, ident: int) -> tuple[int, int]:
    """Of media that leaves and of media that comes in; both were sent with class 8."""
    engine = rig.client()
    hole = net.pinhole(ident)
    assert engine.open(hole).status == 0
    try:
        with marked(LAN, net.phone) as phone, marked(WAN, net.rtp_proxy) as proxy:
            level, option = (socket.IPPROTO_IPV6, _IPV6_TCLASS) if net.word == "ip6" else (socket.SOL_IP, socket.IP_TOS)
            for sock in (phone, proxy):
                sock.setsockopt(level, option, 8 << 2)
            phone.sendto(b"out", net.rtp_proxy)
            out = dscp(proxy)
            proxy.sendto(b"in", net.mapped)
            return out, dscp(phone)
    finally:
        engine.close(hole)


@pytest.fixture
def granted(rig: Rig) -> Iterator[Rig]:
    """A rig whose broker takes this process for the engine."""
    rig.stop()
    made = Rig()
    made.start()
    yield made
    made.close()
    rig.start()


def applied(rig: Rig, policy: AlgPolicy) -> None:
    rig.write_policy(policy)
    patient = BrokerClient(rig.socket, timeout=5)
    assert patient.reload().status == 0
    patient.disconnect()


@both
def test_media_leaves_with_the_class_of_the_policy_or_as_it_came(granted: Rig, net: Net) -> None:
    assert media_dscp(granted, net, 1) == (46, 46)
    for number, (wanted, seen) in enumerate(((34, (34, 34)), (None, (8, 8)), (0, (0, 0)))):
        applied(granted, replace(POLICY, revision=2 + number, handling=Handling(dscp_media=wanted)))
        assert media_dscp(granted, net, 10 + number) == seen


@both
def test_media_of_a_peering_has_its_own_class(granted: Rig, net: Net) -> None:
    own = replace(POLICY.peerings[0], handling=Handling(dscp_media=26))
    applied(granted, replace(POLICY, revision=2, peerings=(own,)))
    assert media_dscp(granted, net, 1) == (26, 26)


@both
def test_signalling_leaves_with_its_class_in_both_directions(rig: Rig, engine: Engine, net: Net) -> None:
    under(rig, engine, replace(POLICY, revision=2, handling=Handling(dscp_signalling=24)))
    with marked(LAN, net.phone_sip) as phone, marked(WAN, net.provider_sip) as provider:
        asked = request("OPTIONS", net.phone_sip, f"dscp-{net.word}")
        phone.sendto(asked, net.provider_sip)
        assert dscp(provider) == 24
        phone.sendto(asked, net.provider_sip)  # again, to be read this time
        sent, source = arrived(provider)
        provider.sendto(answer(sent), source)
        assert dscp(phone) == 24
    under(rig, engine, replace(POLICY, revision=3))
    with marked(LAN, net.phone_sip) as phone, marked(WAN, net.provider_sip) as provider:
        phone.sendto(request("OPTIONS", net.phone_sip, f"none-{net.word}"), net.provider_sip)
        assert dscp(provider) == 0


def test_kernel_takes_every_setting_at_once_and_networks_that_overlap(granted: Rig) -> None:
    """Anonymous sets and concatenated intervals are refused as a whole where two of their elements meet."""
    first = POLICY.peerings[0]
    wider = (ip_network("192.168.0.0/24"), ip_network("192.168.0.0/25"), ip_network("fd00:a::/64"))
    everything = Handling(engine_down="forward", dscp_signalling=24, dscp_media=34)
    peerings = (
        replace(first, handling=everything),
        replace(first, rule="rule:2", internal=(*first.internal, *wider), translate="none"),
        replace(first, rule="rule:3", internal=wider, external=(ip_network("203.0.113.0/28"),), translate="ipv4"),
        replace(first, rule="rule:4", internal=wider, external=(ip_network("192.168.0.2/32"),), translate="none"),
    )
    applied(granted, replace(POLICY, revision=2, peerings=peerings))
    assert "192.168.0.0/24" in granted.listed("set", "sip_insiders_ip")


IDLE = {600: "idle_path4_600", 900: "idle_path4_900"}


def test_time_of_idle_paths_of_before_goes_once_no_connection_lives_by_it(granted: Rig) -> None:
    def told(seconds: int) -> set[str]:
        applied(granted, replace(POLICY, revision=2, handling=Handling(idle_path=seconds)))
        listed = run("nft", "list", "table", "inet", "sipalg", namespace=FW)
        return {name for name in IDLE.values() if f"ct timeout {name} " in listed}

    assert told(600) == {IDLE[600]}
    assert told(900) == {IDLE[900]}
    path = ["-s", "192.168.0.66", "-d", "203.0.113.1", "-p", "udp", "--sport", "5060", "--dport", "5060"]
    run("conntrack", "-I", *path, "-t", "300", namespace=FW)
    assert told(600) == set(IDLE.values())
    granted.stop()
    granted.start()
    assert told(600) == set(IDLE.values())
    run("conntrack", "-D", *path, namespace=FW)
    assert told(600) == {IDLE[600]}
    assert told(0) == set()


# --- No engine ---


@both
def test_dead_engine_means_a_drop_by_default(rig: Rig, net: Net) -> None:
    under_no_engine(rig, POLICY)
    before = rig.drops()["engine-dead"]
    with udp(LAN, net.phone_sip) as phone, udp(WAN, net.provider_sip) as provider:
        phone.sendto(request("OPTIONS", net.phone_sip, "dead"), net.provider_sip)
        assert hears(provider) == []
    assert rig.drops()["engine-dead"] == before + 1


def under_no_engine(rig: Rig, policy: AlgPolicy) -> None:
    """Applied by an engine that is dead now."""
    engine = started(rig)
    under(rig, engine, policy)
    engine.stop()


FORWARD = replace(POLICY, revision=5, handling=Handling(engine_down="forward"))


def forwarded() -> int:
    listed = run("nft", "list", "counter", "inet", "sipalg", "engine_forwarded", namespace=FW)
    return int(listed.partition("packets ")[2].split()[0])


@both
@pytest.mark.parametrize("port", [5060, 50062])
def test_dead_engine_can_mean_plain_nat_instead(rig: Rig, net: Net, port: int) -> None:
    under_no_engine(rig, FORWARD)
    before = forwarded()
    at = Endpoint(net.phone.host, port)
    with udp(LAN, at) as phone, udp(WAN, net.provider_sip) as provider:
        asked = request("OPTIONS", at, f"plain-{net.word}-{port}")
        phone.sendto(asked, net.provider_sip)
        data, source = arrived(provider)
        assert (data, source.host) == (asked, net.mapped.host)
        provider.sendto(answer(asked), source)
        assert arrived(phone) == (answer(asked), net.provider_sip)
    assert forwarded() > before
    with udp(LAN, net.pc) as pc, udp(WAN, net.provider_sip) as provider:  # no rule allows it SIP
        pc.sendto(asked, net.provider_sip)
        assert hears(provider) == []


@both
def test_engine_that_is_back_takes_over_what_went_by(rig: Rig, net: Net) -> None:
    under_no_engine(rig, FORWARD)
    with udp(LAN, net.phone_sip) as phone, udp(WAN, net.provider_sip) as provider:
        phone.sendto(request("OPTIONS", net.phone_sip, f"before-{net.word}"), net.provider_sip)
        assert net.phone_sip.host.encode() in arrived(provider)[0]

        def taken() -> tuple[bytes, Endpoint] | None:
            phone.sendto(request("OPTIONS", net.phone_sip, f"after-{net.word}"), net.provider_sip)
            with suppress(TimeoutError):
                sent, source = arrived(provider)
                return None if net.phone_sip.host.encode() in sent else (sent, source)
            return None

        engine = started(rig)
        try:
            sent, source = until(taken, 20)  # the engine answers a moment before it has its sockets
            assert source == net.own_sip
            provider.sendto(answer(sent), source)
            back, source = arrived(phone)
            assert (source, b"Via: SIP/2.0/UDP %s;" % str(net.phone_sip).encode() in back) == (net.provider_sip, True)
        finally:
            engine.stop()


@both
def test_dead_engine_forwards_tcp_as_well(rig: Rig, net: Net) -> None:
    under_no_engine(rig, FORWARD)
    with tcp(WAN, net.provider_sip, listening=True) as listener, tcp(LAN, net.phone._replace(port=0)) as phone:
        within(LAN, lambda: phone.connect(net.provider_sip))
        connection, source = listener.accept()
        with connection:
            assert source[0] == net.mapped.host
            phone.sendall(b"OPTIONS")
            connection.settimeout(2)
            assert connection.recv(64) == b"OPTIONS"
