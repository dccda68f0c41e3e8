# SPDX-License-Identifier: GPL-2.0-or-later
"""Networks that are routed, a server in the DMZ, several addresses of ours: on the wire, with broker and engine.

The operator's table of the rig masquerades whatever leaves, so that "not translated" is our doing.

rig-dmz 192.0.2.10 sbc, .11 its media ── dmz0 192.0.2.1 [rig-fw]      (fd00:d::)
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.contract.policy import AlgPolicy, Interface, Peering
from sipalg_core.net import Endpoint, Side
from tests.lab.engine_rig import Engine
from tests.lab.kernel_rig import ENGINE_UID, FW, LAN, NETS, POLICY, WAN, Net, Rig, hears, namespaces, run, tcp, udp
from tests.lab.wire.rig import until
from tests.unit.alg.harness import message

pytestmark = pytest.mark.lab

DMZ = f"rig-dmz-{os.getpid()}"
SECOND = {"ip": "203.0.113.20", "ip6": "2001:db8:a::20"}


class Insiders(tuple[Endpoint, Endpoint, Endpoint]):
    """The SBC, its media host, and our address in the DMZ."""

    __slots__ = ()


SBC = {
    "ip": Insiders((Endpoint("192.0.2.10", 5060), Endpoint("192.0.2.11", 8000), Endpoint("192.0.2.1", 0))),
    "ip6": Insiders((Endpoint("fd00:d::10", 5060), Endpoint("fd00:d::11", 8000), Endpoint("fd00:d::1", 0))),
}


def _nets(*texts: str) -> tuple[object, ...]:
    return tuple(ip_network(text) for text in texts)


LAN_NETS = _nets("192.168.0.0/24", "fd00:a::/64")
DMZ0 = Interface("dmz0", Side.INTERNAL, ("192.0.2.1", "fd00:d::1"), _nets("192.0.2.0/24", "fd00:d::/64"))  # type: ignore[arg-type]  # networks
ROUTED: AlgPolicy = replace(
    POLICY,
    interfaces=(
        POLICY.interfaces[0],
        replace(POLICY.interfaces[1], addresses=(*POLICY.interfaces[1].addresses, *SECOND.values())),
        DMZ0,
    ),
    peerings=(
        replace(POLICY.peerings[0], translate="none", internal=LAN_NETS, symmetric_media=True),
        Peering(
            "rule:2", "sbc", LAN_NETS, _nets("192.0.2.10", "fd00:d::10"), _nets("192.0.2.11", "fd00:d::11"),  # type: ignore[arg-type]  # networks
            translate="none", symmetric_media=True,
        ),
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with namespaces(), dmz():
        for net in NETS:  # the outside knows the way to what is routed
            inside = f"{net.phone.host.rpartition('.')[0]}.0/24" if net.word == "ip" else "fd00:a::/64"
            run("ip", "route", "add", inside, "via", net.mapped.host, namespace=WAN)
            size = ("/24",) if net.word == "ip" else ("/64", "nodad")
            run("ip", "addr", "add", SECOND[net.word] + size[0], "dev", "wan0", *size[1:], namespace=FW)
        assert until(lambda: "tentative" not in run("ip", "addr", namespace=FW), 20)
        made = Rig(ENGINE_UID)
        made.write_policy(ROUTED)
        made.start()
        yield made
        made.close()


@contextlib.contextmanager
def dmz() -> Iterator[None]:
    run("ip", "netns", "add", DMZ)
    try:
        run("ip", "link", "set", "lo", "up", namespace=DMZ)
        run("ip", "link", "add", "dmz0", "netns", FW, "type", "veth", "peer", "name", "eth0", "netns", DMZ)
        for namespace, device in ((FW, "dmz0"), (DMZ, "eth0")):
            run("ip", "link", "set", device, "up", namespace=namespace)
        for word, (sbc, media, gateway) in SBC.items():
            size = ("/24",) if word == "ip" else ("/64", "nodad")
            run("ip", "addr", "add", gateway.host + size[0], "dev", "dmz0", *size[1:], namespace=FW)
            for host in (sbc, media):
                run("ip", "addr", "add", host.host + size[0], "dev", "eth0", *size[1:], namespace=DMZ)
            run("ip", "route", "add", "default", "via", gateway.host, namespace=DMZ)
        yield
    finally:
        run("ip", "netns", "del", DMZ)


@pytest.fixture
def engine(rig: Rig) -> Iterator[Engine]:
    (rig.run_dir / "engine.sock").unlink(missing_ok=True)
    rig.write_policy(ROUTED)
    made = Engine(rig)
    assert made.ask(op="reload")["broker"] == "OK"
    yield made
    made.stop()


def text(at: Endpoint) -> str:
    return f"[{at.host}]" if ":" in at.host else at.host


def request(method: str, source: Endpoint, number: str, body: bytes = b"", to_tag: str = "", cseq: int = 1) -> bytes:
    return message(
        f"{method} sip:200@example.org SIP/2.0", f"Via: SIP/2.0/UDP {source};branch=z9hG4bK{number}{method};rport",
        "Max-Forwards: 70", "From: <sip:101@example.org>;tag=a",
        "To: <sip:200@example.org>" + (f";tag={to_tag}" if to_tag else ""), f"Call-ID: {number}",
        f"CSeq: {cseq} {method}", f"Contact: <sip:101@{source}>", body=body,
    )  # fmt: skip


def answer(asked: bytes, body: bytes = b"") -> bytes:
    kept = [
        line + (";tag=b" if line.startswith("To:") and "tag=" not in line else "")
        for line in asked.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        if line.partition(":")[0] in ("Via", "From", "To", "Call-ID", "CSeq")
    ]
    return message("SIP/2.0 200 OK", *kept, body=body)


def sdp(at: Endpoint) -> bytes:
    family = "IP6" if ":" in at.host else "IP4"
    lines = ("v=0", f"o=- 1 1 IN {family} {at.host}", "s=-", f"c=IN {family} {at.host}", "t=0 0",
             f"m=audio {at.port} RTP/AVP 8", "")  # fmt: skip
    return "\r\n".join(lines).encode()


def arrived(sock: socket.socket) -> tuple[bytes, Endpoint]:
    data, source = sock.recvfrom(65_535)
    return data, Endpoint(*source[:2])


both = pytest.mark.parametrize("net", NETS, ids=lambda net: net.word)


@both
@pytest.mark.parametrize("port", [5060, 50062], ids=["from 5060", "from another port"])
def test_c62_routed_signalling_crosses_as_it_came_both_ways(engine: Engine, net: Net, port: int) -> None:
    at = Endpoint(net.phone.host, port)
    with udp(LAN, at) as phone, udp(WAN, net.provider_sip) as provider:
        asked = request("OPTIONS", at, f"out-{net.word}-{port}")
        phone.sendto(asked, net.provider_sip)
        assert arrived(provider) == (asked, at)
        provider.sendto(answer(asked), at)
        assert arrived(phone) == (answer(asked), net.provider_sip)
        back = request("OPTIONS", net.provider_sip, f"in-{net.word}-{port}")
        provider.sendto(back, at)
        assert arrived(phone) == (back, net.provider_sip)
    peer = next(
        each for each in engine.ask(op="snapshot", topic="health")["rows"][0]["peers"] if each["rule"] == "rule:1"
    )
    assert (peer["altered"], peer["translate"]) == (0, "none")
    assert peer["messages"] >= 3


@both
def test_routed_phone_is_reached_before_it_has_spoken(engine: Engine, net: Net) -> None:
    with (
        udp(LAN, net.pc) as phone,
        udp(WAN, net.provider_sip) as provider,
        udp(WAN, net.stranger._replace(port=5060)) as x,
    ):
        ring = request("OPTIONS", net.provider_sip, f"first-{net.word}")
        x.sendto(ring, net.pc)
        provider.sendto(ring, net.pc)
        assert hears(phone) == [(ring, net.provider_sip)]


@both
def test_routed_signalling_over_tcp_keeps_both_addresses(engine: Engine, net: Net) -> None:
    with tcp(WAN, net.provider_sip, listening=True) as listener, tcp(LAN, net.phone._replace(port=0)) as phone:
        phone.connect(net.provider_sip)
        at = Endpoint(*phone.getsockname()[:2])
        asked = request("OPTIONS", at, f"tcp-{net.word}").replace(b"/UDP", b"/TCP")
        phone.sendall(asked)
        connection, source = listener.accept()
        with connection:
            connection.settimeout(2)
            assert Endpoint(*source[:2]) == at
            assert connection.recv(4096) == asked
            connection.sendall(answer(asked))
            assert phone.recv(4096) == answer(asked)


@contextlib.contextmanager
def call(
    engine: Engine, caller: tuple[str, Endpoint], callee: tuple[str, Endpoint], offered: Endpoint, answered: Endpoint,
    number: str, seen: Endpoint | None = None,
) -> Iterator[tuple[bytes, bytes]]:  # fmt: skip
    """A call of two endpoints (namespace, address); the INVITE and the 200 as they arrived. `seen`: the caller as the
    callee knows it, where that is not its own address."""
    with udp(*caller) as one, udp(*callee) as other:
        invite = request("INVITE", caller[1], number, sdp(offered))
        one.sendto(invite, callee[1])
        asked, source = arrived(other)
        assert source == (seen or caller[1])
        other.sendto(answer(asked, sdp(answered)), source)
        replied, source = arrived(one)
        assert source == callee[1]
        one.sendto(request("ACK", caller[1], number, to_tag="b"), callee[1])
        arrived(other)
        yield asked, replied
        one.sendto(request("BYE", caller[1], number, to_tag="b", cseq=2), callee[1])
        bye, source = arrived(other)
        other.sendto(answer(bye), source)
        arrived(one)


def carries(here: tuple[str, Endpoint], there: tuple[str, Endpoint], number: str) -> None:
    """Media both ways, from exactly these addresses."""
    with udp(*here) as one, udp(*there) as other:
        one.sendto(f"{number} out".encode(), there[1])
        assert hears(other) == [(f"{number} out".encode(), here[1])]
        other.sendto(f"{number} in".encode(), here[1])
        assert hears(one) == [(f"{number} in".encode(), there[1])]


def is_shut(here: tuple[str, Endpoint], there: tuple[str, Endpoint]) -> None:
    with udp(*here) as one, udp(*there) as other:
        one.sendto(b"late", there[1])
        other.sendto(b"late", here[1])
        assert (hears(one), hears(other)) == ([], [])


@both
def test_routed_call_opens_exact_pinholes_without_translation(engine: Engine, net: Net) -> None:
    phone, proxy = (LAN, net.phone), (WAN, net.rtp_proxy)
    is_shut(phone, proxy)
    with call(
        engine, (LAN, net.phone_sip), (WAN, net.provider_sip), net.phone, net.rtp_proxy, f"c-{net.word}"
    ) as found:
        assert all(f"{at.port}".encode() in data for at, data in zip((net.phone, net.rtp_proxy), found, strict=True))
        assert net.mapped.host.encode() not in found[0]
        carries(phone, proxy, f"rtp-{net.word}")
        is_shut((LAN, net.phone), (WAN, net.stranger))
        is_shut((LAN, net.phone._replace(port=4010)), proxy)
    assert until(lambda: not engine.ask(op="snapshot", topic="pinholes")["rows"], 20)
    is_shut(phone, proxy)


@both
def test_server_in_the_dmz_and_phone_hear_each_other(engine: Engine, net: Net) -> None:
    sbc, media, _ = SBC[net.word]
    with call(engine, (LAN, net.phone_sip), (DMZ, sbc), net.phone, media, f"d-{net.word}") as (asked, _replied):
        assert asked == request("INVITE", net.phone_sip, f"d-{net.word}", sdp(net.phone))
        carries((LAN, net.phone), (DMZ, media), f"dmz-{net.word}")
        is_shut((LAN, net.phone), (DMZ, sbc._replace(port=8000)))
    is_inside = engine.ask(op="snapshot", topic="calls")["rows"]
    assert {row["provider"] for row in is_inside if row["call_id"] == f"d-{net.word}"} == {"sbc"}
    assert until(lambda: not engine.ask(op="snapshot", topic="pinholes")["rows"], 20)
    is_shut((LAN, net.phone), (DMZ, media))


@both
def test_server_in_the_dmz_calls_a_phone_that_has_not_spoken(engine: Engine, net: Net) -> None:
    sbc, media, _ = SBC[net.word]
    phone = net.phone_sip
    with call(engine, (DMZ, sbc), (LAN, phone), media, net.phone, f"e-{net.word}"):
        carries((LAN, net.phone), (DMZ, media), f"dmz-in-{net.word}")
    rows = engine.ask(op="snapshot", topic="calls")["rows"]
    assert [row["direction"] for row in rows if row["call_id"] == f"e-{net.word}"] == ["inbound"]


@both
def test_stranger_outside_does_not_pass_for_the_server_in_the_dmz(engine: Engine, net: Net) -> None:
    """Its address from the other side: no rule takes signalling of it there."""
    sbc, _, _ = SBC[net.word]
    size = "/32" if net.word == "ip" else "/128"
    run("ip", "addr", "add", sbc.host + size, "dev", "lo", namespace=WAN)
    try:
        with udp(LAN, net.phone_sip) as phone, udp(WAN, sbc) as forger:
            forger.sendto(request("OPTIONS", sbc, f"forged-{net.word}"), net.phone_sip)
            assert hears(phone) == []
    finally:
        run("ip", "addr", "del", sbc.host + size, "dev", "lo", namespace=WAN)


@both
def test_peering_leaves_by_the_address_of_ours_that_it_names(rig: Rig, engine: Engine, net: Net) -> None:
    second = Endpoint(SECOND[net.word], 5060)
    named = replace(ROUTED.peerings[0], translate="all", outside=tuple(SECOND.values()))
    rig.write_policy(replace(ROUTED, revision=2, peerings=(named,)))
    assert engine.ask(op="reload")["broker"] == "OK"
    number, media = f"s-{net.word}", net.phone._replace(port=4100)  # the calls before drain yet
    ends = (LAN, net.phone_sip), (WAN, net.provider_sip)
    with call(engine, *ends, media, net.rtp_proxy, number, seen=second) as (asked, _replied):
        port = int(asked.partition(b"m=audio ")[2].split(b" ")[0])
        mapped = Endpoint(second.host, port)
        assert f"c=IN {'IP4' if net.word == 'ip' else 'IP6'} {second.host}\r\n".encode() in asked
        with udp(LAN, media) as phone, udp(WAN, net.rtp_proxy) as proxy:
            phone.sendto(b"out", net.rtp_proxy)
            assert hears(proxy) == [(b"out", mapped)]
            proxy.sendto(b"in", mapped)
            assert hears(phone) == [(b"in", net.rtp_proxy)]
