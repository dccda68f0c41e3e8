# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine process, without any capability, beside a real broker: signalling both ways, control, faults, the end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from sipalg_core.net import Endpoint
from tests.lab.engine_rig import Engine
from tests.lab.kernel_rig import (
    ENGINE_UID,
    LAN,
    NETS,
    V4,
    WAN,
    Net,
    Rig,
    namespaces,
    udp,
)

pytestmark = pytest.mark.lab

OPTIONS = "\r\n".join((
    "OPTIONS sip:example.org SIP/2.0", "Via: SIP/2.0/UDP {1};branch=z9hG4bK{0}", "From: <sip:a@{1}>;tag=1",
    "To: <sip:example.org>", "Call-ID: {0}@example.org", "CSeq: 1 OPTIONS", "Contact: <sip:a@{1}>",
    "Max-Forwards: 70", "Content-Length: 0", "\r\n",
))  # fmt: skip


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with namespaces():
        made = Rig(ENGINE_UID)
        made.start()
        yield made
        made.close()


@pytest.fixture
def engine(rig) -> Iterator[Engine]:
    (rig.run_dir / "engine.sock").unlink(missing_ok=True)
    made = Engine(rig)
    yield made
    made.stop()


def exchange(number: int, net: Net = V4) -> None:
    """A request of the phone goes out with our address and no other, its answer finds the phone."""
    with udp(LAN, net.phone_sip) as phone, udp(WAN, net.provider_sip) as provider:
        phone.sendto(OPTIONS.format(number, net.phone_sip).encode(), net.provider_sip)
        request, source = provider.recvfrom(4096)
        assert Endpoint(*source[:2]) == net.own_sip
        assert net.phone_sip.host.encode() not in request
        assert request.count(str(net.own_sip).removesuffix(":5060").encode()) == 3  # Via, From, Contact
        provider.sendto(request.replace(b"OPTIONS sip:example.org SIP/2.0", b"SIP/2.0 200 OK", 1), net.own_sip)
        received, source = phone.recvfrom(4096)
        assert Endpoint(*source[:2]) == net.provider_sip
        assert f"Via: SIP/2.0/UDP {net.phone_sip};".encode() in received


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.word)
def test_signalling_passes_both_ways(engine, net):
    exchange(1, net)
    assert engine.counters()["received"] == 2


def test_the_control_socket_answers(engine):
    assert engine.ask(op="ping")["revision"] == 1
    assert engine.ask(op="reload") == {"ok": True, "revision": 1, "broker": "OK"}
    assert engine.ask(op="snapshot", topic="calls")["rows"] == []
    assert engine.ask(op="snapshot", topic="x") == {
        "error": '"topic" must be one of calls, pinholes, registrations, health'
    }


def test_signalling_outlives_the_broker(rig, engine):
    exchange(2)
    rig.stop(kill=True)
    exchange(3)
    rig.start()
    exchange(4)


def test_a_killed_engine_is_back_at_once(rig, engine):
    engine.process.send_signal(signal.SIGKILL)
    engine.process.wait(20)
    (rig.run_dir / "engine.sock").unlink()
    again = Engine(rig)
    try:
        exchange(5)
    finally:
        again.process.terminate()
        assert again.process.wait(20) == 0


@pytest.mark.parametrize("process", ["engine", "broker"])
def test_a_second_one_does_not_start_and_disturbs_nobody(rig, engine, process):
    command = engine.command if process == "engine" else rig.broker_command
    second = subprocess.run(command, env=rig.environment, capture_output=True, text=True, timeout=10, check=False)
    assert second.returncode == 1
    assert "another process listens at" in second.stderr
    exchange(6)


def test_sigterm_ends_it_cleanly(engine):
    engine.process.terminate()
    assert engine.process.wait(20) == 0
