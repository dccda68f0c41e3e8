# SPDX-License-Identifier: GPL-2.0-or-later
"""NAT slipstreaming (A01-A03): a web page makes an internal host send SIP inside HTTP.

Linux's helper opens a port, we none. The victim may speak SIP with the attacker's host here: what protects it
is the ALG, not the lack of a rule.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from sipalg_core.net import Endpoint
from tests.lab.engine_rig import Engine
from tests.lab.kernel_rig import ENGINE_UID, FW, LAN, V4, WAN, Rig, hears, namespaces, run, tcp, udp, within

pytestmark = pytest.mark.lab

VICTIM, ATTACKER, OURS = V4.phone_sip.host, V4.provider_sip, V4.own_sip.host
SERVICE = Endpoint(VICTIM, 8080)
CLOSED_WITHIN = 0.1  # seconds
HEAD = b"POST / HTTP/1.1\r\nHost: attacker.example:5060\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\n"
REGISTER = "\r\n".join((
    "REGISTER sip:203.0.113.1;transport=TCP SIP/2.0", "Via: SIP/2.0/TCP 192.168.0.10:5060;branch=z9hG4bK1",
    "From: <sip:a@203.0.113.1>;tag=1", "To: <sip:a@203.0.113.1>", "Call-ID: slip@192.168.0.10", "CSeq: 1 REGISTER",
    "Contact: <sip:a@192.168.0.10:8080;transport=TCP>;expires=600", "Max-Forwards: 70", "Content-Length: 0", "\r\n",
)).encode()  # fmt: skip

# The usual router of an operator who left the helper on: everything out, nothing in.
HELPER = """
table inet appliance {
  ct helper sip_tcp { type "sip" protocol tcp; l3proto ip; }
  chain prerouting_helper { type filter hook prerouting priority 0; policy accept;
    ct state new tcp dport 5060 ct helper set "sip_tcp"
  }
  chain forward_base { type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname lan0 accept
  }
  chain postrouting_base { type nat hook postrouting priority 100; policy accept; oifname wan0 masquerade; }
}
"""


@pytest.fixture(autouse=True)
def _namespaces() -> Iterator[None]:
    with namespaces():
        yield


@pytest.fixture
def engine() -> Iterator[Engine]:
    rig = Rig(ENGINE_UID)
    rig.start()
    made = Engine(rig)
    yield made
    made.stop()
    rig.close()


@contextlib.contextmanager
def service() -> Iterator[socket.socket]:
    """What only internal hosts are meant to reach."""
    with tcp(LAN, SERVICE, listening=True) as listener:
        yield listener


def reaches_the_service(listener: socket.socket) -> bool:
    with tcp(WAN, ATTACKER._replace(port=45678)) as attacker:
        attacker.settimeout(0.5)
        with contextlib.suppress(TimeoutError, ConnectionRefusedError):
            attacker.connect((OURS, SERVICE.port))
            listener.accept()[0].close()
            return True
    return False


def expectations() -> str:
    return run("conntrack", "-L", "expect", namespace=FW)


def closed_after(connection: socket.socket, limit: float) -> float:
    """Seconds until the other side has closed; `limit` where it has not."""
    began = time.monotonic()
    if select.select([connection], [], [], limit)[0]:
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    return time.monotonic() - began


def assert_nothing_was_opened(engine: Engine) -> None:
    assert engine.ask(op="snapshot", topic="pinholes")["rows"] == []
    assert engine.ask(op="snapshot", topic="registrations")["rows"] == []
    for name in ("pinholes_in_ip", "pinholes_in_any_ip", "media_dnat_ip"):
        kind = "map" if name.startswith("media") else "set"
        assert "elements" not in engine.rig.listed(kind, name)
    assert expectations() == ""


def test_the_kernels_helper_opens_the_port():
    run("nft", "delete", "table", "inet", "appliance", namespace=FW)
    run("nft", "-f", "-", namespace=FW, stdin=HELPER)
    with (
        service() as listener,
        tcp(WAN, ATTACKER, listening=True) as attacker,
        tcp(LAN, Endpoint(VICTIM, 0)) as browser,
    ):
        browser.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        browser.connect(ATTACKER)
        page = attacker.accept()[0]
        with page:
            assert not reaches_the_service(listener)
            browser.sendall(HEAD + b"x" * 1200)
            time.sleep(0.3)
            browser.sendall(REGISTER)
            time.sleep(0.3)
            seen = page.recv(4096)
            register = seen[seen.index(b"REGISTER sip:") :]
            assert b"Contact: <sip:a@203.0.113.2:8080" in register
            page.sendall(register.replace(b"REGISTER sip:203.0.113.1;transport=TCP SIP/2.0", b"SIP/2.0 200 OK", 1))
            time.sleep(0.3)
            assert "dport=8080" in expectations()
            assert reaches_the_service(listener)


def test_a01_no_split_of_a_post_opens_anything(engine):
    slowest = 0.0
    with service() as listener, tcp(WAN, ATTACKER, listening=True) as attacker:
        for split in range(1, 1461):
            with tcp(LAN, Endpoint(VICTIM, 0)) as browser:
                browser.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                browser.connect(ATTACKER)
                browser.sendall((HEAD + b"x" * 1460)[:split])
                with contextlib.suppress(ConnectionError):
                    browser.sendall(REGISTER)
                if split > len(b"POST"):  # before that it is a request, of an odd method
                    slowest = max(slowest, closed_after(browser, 1))
        assert slowest <= CLOSED_WITHIN
        assert_nothing_was_opened(engine)
        assert not reaches_the_service(listener)
        attacker.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            while True:
                with attacker.accept()[0] as outside:
                    outside.settimeout(0.1)
                    assert not outside.recv(4096).startswith(b"REGISTER")
    closed = {name: count for name, count in engine.counters().items() if name.startswith("closed:not-sip")}
    assert sum(closed.values()) == 1460 - len(b"POST")


def test_a01_a_pause_before_the_register_changes_nothing(engine):
    with service() as listener, tcp(LAN, Endpoint(VICTIM, 0)) as browser:
        browser.connect(ATTACKER)
        browser.sendall(HEAD + b"x" * 1200)
        assert closed_after(browser, 1) <= CLOSED_WITHIN
        assert_nothing_was_opened(engine)
        assert not reaches_the_service(listener)
    assert engine.counters()["closed:not-sip-http"] == 1


def test_a02_no_fragment_is_a_datagram(engine):
    """A forged UDP header and a REGISTER where each fragment but the first may begin."""
    forged = struct.pack("!HHHH", 5060, 5060, 8 + len(REGISTER), 0) + REGISTER
    raw = within(LAN, lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
    before = engine.counters().get("received", 0)
    with raw, udp(WAN, ATTACKER) as attacker:
        offsets = range(8, 1480, 8)
        for number, offset in enumerate(offsets, 1):
            payload = b"\x00" * (offset - 8) + forged
            datagram = struct.pack("!HHHH", 5060, 5060, 8 + len(payload), 0) + payload
            for at, part, more in ((0, datagram[:offset], True), (offset, datagram[offset:], False)):
                raw.sendto(ip_header(number, at, more, len(part)) + part, (ATTACKER.host, 0))
        forwarded = hears(attacker)
    assert [data for data, _ in forwarded if b"REGISTER" in data] == []
    assert engine.counters()["received"] - before == len(offsets)  # each whole, none as two
    assert_nothing_was_opened(engine)


def ip_header(ident: int, offset: int, more: bool, size: int) -> bytes:
    flags = (0x2000 if more else 0) | offset // 8
    addresses = socket.inet_aton(VICTIM) + socket.inet_aton(ATTACKER.host)
    return struct.pack("!BBHHHBBH", 0x45, 0, 20 + size, ident, flags, 64, socket.IPPROTO_UDP, 0) + addresses


@pytest.mark.parametrize("port", [21, 1720, 6667])
def test_a03_there_is_no_other_helper(engine, port):
    with tcp(WAN, ATTACKER._replace(port=port), listening=True), tcp(LAN, Endpoint(VICTIM, 0)) as browser:
        browser.settimeout(0.3)
        with pytest.raises(TimeoutError):
            browser.connect(ATTACKER._replace(port=port))
    assert_nothing_was_opened(engine)
