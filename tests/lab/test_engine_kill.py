# SPDX-License-Identifier: GPL-2.0-or-later
"""kill -9 of the engine at random points of calls: no RTP packet is lost, no call is forgotten, a BYE still closes."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from tests import pace
from tests.lab.engine_rig import Engine
from tests.lab.kernel_rig import ENGINE_UID, LAN, V4, WAN, Rig, namespaces, udp
from tests.unit.alg.harness import announced, invite, respond, sdp

pytestmark = [pytest.mark.lab, pytest.mark.alone]

KILLS = 200
SEED = 4711
FIRST_PORT = 6000
"""Of the phone's media, two for each call: none of them is a port that never gets a pinhole (P5)."""
INTERVAL = 0.02
"""Seconds between two RTP packets."""
T1 = 0.2
LONGEST_AWAY = 1.0
DRAINED = 15.0
"""Seconds in which nothing is left of a call that ended; it takes 5."""
STEPS = ("INVITE", "180", "200", "ACK", "again", "again 200", "BYE", "BYE 200")


class Stream(threading.Thread):
    """Numbered RTP from one socket, and what of it arrives at another."""

    def __init__(self, sender: socket.socket, to: tuple[str, int], receiver: socket.socket) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self.arrived: list[int] = []
        self.seconds = 0.0
        self.over = threading.Event()
        self._sender, self._to, self._receiver = sender, to, receiver
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def run(self) -> None:
        self._listener.start()
        began = due = time.monotonic()
        while not self.over.is_set():
            self._sender.sendto(struct.pack("!BBHII", 0x80, 8, self.sent & 0xFFFF, self.sent * 160, 1), self._to)
            self.sent += 1
            due += INTERVAL
            time.sleep(max(0.0, due - time.monotonic()))
        self.seconds = time.monotonic() - began

    def end(self) -> None:
        """Send no more, and wait for what is under way."""
        self.over.set()
        self.join()
        self._listener.join()

    def _listen(self) -> None:
        self._receiver.settimeout(0.5)
        while not self.over.is_set() or len(self.arrived) < self.sent:
            try:
                self.arrived.append(struct.unpack_from("!BBHII", self._receiver.recv(100))[2])
            except TimeoutError:
                if self.over.is_set():
                    return


class Phones:
    """A phone and its provider, who repeat what gets no answer."""

    def __init__(self) -> None:
        self.phone, self.provider = udp(LAN, V4.phone_sip), udp(WAN, V4.provider_sip)

    def close(self) -> None:
        self.phone.close()
        self.provider.close()

    def out(self, data: bytes) -> bytes:
        return self._deliver(self.phone, data, self.provider, V4.provider_sip)

    def into(self, data: bytes) -> bytes:
        return self._deliver(self.provider, data, self.phone, V4.own_sip)

    @staticmethod
    def _deliver(sender: socket.socket, data: bytes, receiver: socket.socket, to: tuple[str, int]) -> bytes:
        """Send it until it arrives. Raises AssertionError."""
        deadline = time.monotonic() + 5
        receiver.settimeout(T1)
        while time.monotonic() < deadline:
            sender.sendto(data, to)
            with contextlib.suppress(TimeoutError):
                while not _same(arrived := receiver.recv(4096), data):
                    pass
                return arrived
        raise AssertionError(f"{data[:40]!r} never arrived")


def _same(arrived: bytes, sent: bytes) -> bool:
    """Whether it is this message, and no repeated one of before: by the first words, Call-ID and CSeq."""
    lines = sent.split(b"\r\n")
    named = [line for line in lines if line.startswith((b"CSeq:", b"Call-ID:"))]
    words = lines[0].split(b" ")[: 2 if lines[0].startswith(b"SIP/") else 1]
    return arrived.split(b" ")[: len(words)] == words and all(line in arrived for line in named)


class Killed:
    """The engine, which dies when it is told and is started again at once."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._dying: threading.Thread | None = None
        self.away: list[float] = []
        self.engine = Engine(rig)

    def close(self) -> None:
        if self._dying is not None:
            self._dying.join()
        self.engine.stop()

    def kill(self, after: float) -> threading.Thread:
        thread = self._dying = threading.Thread(target=self._kill, args=(after,))
        thread.start()
        return thread

    def _kill(self, after: float) -> None:
        time.sleep(after)
        self.engine.process.kill()
        self.engine.process.wait()
        began = time.monotonic()
        (self._rig.run_dir / "engine.sock").unlink()
        self.engine = Engine(self._rig)
        self.away.append(time.monotonic() - began)

    def call(self, call_id: str) -> dict:
        (row,) = [row for row in self.engine.ask(op="snapshot", topic="calls")["rows"] if row["call_id"] == call_id]
        return row

    def pinholes(self, ident: str) -> list[dict]:
        return [row for row in self.engine.ask(op="snapshot", topic="pinholes")["rows"] if row["call"] == ident]


@pytest.fixture
def rig() -> Iterator[Rig]:
    with namespaces():
        made = Rig(ENGINE_UID)
        made.start()
        yield made
        made.close()


@pytest.fixture
def killed(rig: Rig) -> Iterator[Killed]:
    made = Killed(rig)
    yield made
    made.close()


@pytest.fixture
def phones(rig: Rig) -> Iterator[Phones]:
    made = Phones()
    yield made
    made.close()


@pytest.fixture
def ends(rig: Rig) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Of the media: the phone's and the provider's."""
    made = udp(LAN, V4.phone), udp(WAN, V4.rtp_proxy)
    yield made
    for each in made:
        each.close()


class Call:
    """One call of the phone, step by step."""

    def __init__(self, phones: Phones, call_id: str, port: int) -> None:
        self.id, self._phones, self._offer = call_id, phones, sdp(V4.phone.host, port)
        self.mapped = 0
        self._arrived = b""

    def step(self, name: str) -> None:
        phones, answer = self._phones, sdp(*V4.rtp_proxy)
        match name:
            case "INVITE":
                self._arrived = phones.out(invite(self.id, body=self._offer))
                self.mapped = announced(self._arrived)
            case "180":
                phones.into(respond(self._arrived, 180, "Ringing", tag="b"))
            case "200" | "again 200":
                phones.into(respond(self._arrived, 200, "OK", tag="b", body=answer))
            case "ACK":
                phones.out(invite(self.id, method="ACK", to_tag="b", branch=f"{self.id}-ack"))
            case "again":
                self._arrived = phones.out(invite(self.id, cseq=2, to_tag="b", body=self._offer))
                assert announced(self._arrived) == self.mapped
            case "BYE":
                self._arrived = phones.out(invite(self.id, cseq=3, method="BYE", to_tag="b"))
            case "BYE 200":
                phones.into(respond(self._arrived, 200, "OK"))


def streams(call: Call, inside: socket.socket, outside: socket.socket) -> list[Stream]:
    """RTP both ways at 50 packets a second."""
    made = [
        Stream(inside, V4.rtp_proxy, outside),
        Stream(outside, (V4.mapped.host, call.mapped), inside),
    ]
    for stream in made:
        stream.start()
    return made


def test_killed_at_random_points_it_loses_no_packet_and_forgets_no_call(rig, killed, phones, ends):
    moments = random.Random(SEED)
    standing = Call(phones, "standing", V4.phone.port)
    for name in STEPS[:4]:
        standing.step(name)
    media, slow = streams(standing, *ends), 1.0
    try:
        for number in range(KILLS):
            if not number % 20:
                slow = max(slow, pace.of_clock())
            _one_call(killed, Call(phones, f"call-{number}", FIRST_PORT + 2 * number), moments)
            assert killed.call(standing.id)["state"] == "in_call"
    finally:
        for stream in media:
            stream.end()
    for stream in media:
        assert stream.arrived == list(range(stream.sent)), (len(stream.arrived), stream.sent)
        assert stream.sent >= 0.9 * stream.seconds / INTERVAL, "no stream, whose gaps nobody would see"
    for name in STEPS[6:]:
        standing.step(name)
    deadline = time.monotonic() + DRAINED
    while killed.engine.ask(op="snapshot", topic="pinholes")["rows"] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert killed.engine.ask(op="snapshot", topic="pinholes")["rows"] == []
    assert "elements" not in rig.listed("set", "pinholes_in_any_ip") + rig.listed("set", "pinholes_in_ip")
    assert max(killed.away) <= LONGEST_AWAY * slow, (sorted(killed.away)[-3:], slow)


def _one_call(killed: Killed, call: Call, moments: random.Random) -> None:
    """Of which the engine dies at a random point."""
    point = moments.choice(STEPS)
    for name in STEPS:
        dying = killed.kill(moments.random() * 0.004) if name == point else None
        call.step(name)
        if dying is not None:
            dying.join()
        if name == "ACK":
            assert killed.call(call.id)["state"] == "in_call", (point, killed.call(call.id))
            assert len(killed.pinholes(killed.call(call.id)["id"])) == 2, point
    assert (killed.call(call.id)["state"], killed.call(call.id)["reason"]) == ("completed", "hung up by the phone")
