# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine process, without any capability, beside a real broker: signalling both ways, control, faults, the end."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.lab.engine_rig import Engine
from tests.lab.kernel_rig import (
    ENGINE_UID,
    LAN,
    OWN_SIP,
    PHONE_SIP,
    PROVIDER_SIP,
    WAN,
    Rig,
    namespaces,
    udp,
)

pytestmark = pytest.mark.lab

OPTIONS = (
    "OPTIONS sip:203.0.113.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.168.0.10:5060;branch=z9hG4bK{number}\r\n"
    "From: <sip:a@203.0.113.1>;tag=1\r\nTo: <sip:203.0.113.1>\r\nCall-ID: {number}@192.168.0.10\r\nCSeq: 1 OPTIONS\r\n"
    "Contact: <sip:a@192.168.0.10:5060>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


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
    made.process.kill()
    made.process.wait()


def exchange(number: int) -> None:
    """A request of the phone goes out with our address and no other, its answer finds the phone."""
    with udp(LAN, PHONE_SIP) as phone, udp(WAN, PROVIDER_SIP) as provider:
        phone.sendto(OPTIONS.format(number=number).encode(), PROVIDER_SIP)
        request, source = provider.recvfrom(4096)
        assert source == OWN_SIP
        head, _, rest = request.partition(b"\r\nFrom:")
        assert b"203.0.113.2" in head
        assert b"<sip:a@203.0.113.2" in rest
        assert b"Contact: <sip:a@192.168" not in rest
        answer = request.replace(b"OPTIONS sip:203.0.113.1 SIP/2.0", b"SIP/2.0 200 OK", 1)
        provider.sendto(answer, OWN_SIP)
        received, source = phone.recvfrom(4096)
        assert source == PROVIDER_SIP
        assert b"Via: SIP/2.0/UDP 192.168.0.10:5060" in received


def test_signalling_passes_both_ways(engine):
    exchange(1)
    counters = engine.ask(op="snapshot", topic="health")["rows"][0]["counters"]
    assert counters["received"] == 2


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
    engine.process.wait(2)
    (rig.run_dir / "engine.sock").unlink()
    again = Engine(rig)
    try:
        exchange(5)
    finally:
        again.process.terminate()
        assert again.process.wait(5) == 0


@pytest.mark.parametrize("process", ["engine", "broker"])
def test_a_second_one_does_not_start_and_disturbs_nobody(rig, engine, process):
    command = engine.command if process == "engine" else rig.broker_command
    second = subprocess.run(command, env=rig.environment, capture_output=True, text=True, timeout=10, check=False)
    assert second.returncode == 1
    assert "another process listens at" in second.stderr
    exchange(6)


def test_sigterm_ends_it_cleanly(engine):
    engine.process.terminate()
    assert engine.process.wait(5) == 0
