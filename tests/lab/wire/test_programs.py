# SPDX-License-Identifier: GPL-2.0-or-later
"""sipp on the wire, as inside and as outside party: its own scenarios, and a call with all that an office does."""

from __future__ import annotations

import socket
import struct
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from sipalg_core.net import Endpoint
from tests.lab.kernel_rig import LAN, WAN, run, within
from tests.lab.sipp import Sipp
from tests.lab.wire.messages import endpoint_of, uri_of
from tests.lab.wire.rig import Wire, until

pytestmark = pytest.mark.lab

PCMA, EVENT = 8, 101
"""RTP payload types: what is spoken, and RFC 4733's."""
_RCVBUFFORCE = 33


class Capture:
    """RTP that comes off a wire, by where it comes from and what it carries."""

    def __init__(self, namespace: str, family: str) -> None:
        kind = 0x0800 if family == "ip" else 0x86DD

        def make() -> socket.socket:
            made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(kind))
            made.setsockopt(socket.SOL_SOCKET, _RCVBUFFORCE, 8 << 20)
            made.bind(("eth0", kind))
            return made

        self._wire, self._start = within(namespace, make), (9, 20) if family == "ip" else (6, 40)
        self._wire.setblocking(False)

    def rtp(self) -> Counter[tuple[int, int]]:
        """(source port, payload type) → packets since the beginning."""
        seen: Counter[tuple[int, int]] = Counter()
        protocol, start = self._start
        try:
            while True:
                frame, (_, _, direction, *_) = self._wire.recvfrom(65535)
                udp = frame[start:]
                if direction == socket.PACKET_HOST and frame[protocol] == socket.IPPROTO_UDP and udp[8:9] == b"\x80":
                    seen[struct.unpack_from("!H", udp)[0], udp[9] & 0x7F] += 1
        except BlockingIOError:
            return seen

    def close(self) -> None:
        self._wire.close()


@pytest.fixture
def captures(wire: Wire) -> Iterator[dict[str, Capture]]:
    made = {namespace: Capture(namespace, wire.family) for namespace in (LAN, WAN)}
    yield made
    for each in made.values():
        each.close()


def registered(wire: Wire) -> str:
    """The phone's contact as the provider knows it; its sockets are free again for sipp."""
    contact = wire.register(wire.a, "sipp-in")
    wire.a.close()
    wire.b.close()
    return contact


def pair(wire: Wire, scenarios: tuple[str, str], *, inward: bool, **how: object) -> int:
    """A caller and a callee, one of them behind us; returns when both have ended well, with what is in the Call-IDs."""
    inside, outside = (LAN, wire.at("a")), (WAN, wire.at("b"))
    contact = registered(wire)
    caller, callee = (outside, inside) if inward else (inside, outside)
    target = endpoint_of(uri_of(contact)) if inward else wire.at("b")
    waiting = Sipp(callee[0], scenarios[1], callee[1], transport=wire.transport, media=7000, user="sipp-callee",
                   **how | {"more": (*how.get("more", ()), "-rtp_echo")})  # fmt: skip
    try:
        assert until(lambda: listens(wire, *callee), 20)
        calling = Sipp(caller[0], scenarios[0], caller[1], to=target, transport=wire.transport, media=14000,
                       user="sipp-caller", service="sipp-in", **how)  # fmt: skip
        try:
            calling.ends_well()
        except AssertionError as error:
            raise AssertionError(f"{error}\nthe callee: {waiting.said()}\nthe engine: {wire.alg.counters()}") from error
        waiting.ends_well()
    finally:
        waiting.kill()
    return calling.pid


def listens(wire: Wire, namespace: str, at: Endpoint) -> bool:
    """Whether a program has taken that endpoint."""
    taken = run("ss", "-Hln", "--tcp" if wire.transport == "tcp" else "--udp", namespace=namespace)
    return f"{at} " in taken


def last_call(wire: Wire) -> dict:
    return max(wire.alg.rows("calls"), key=lambda row: row["since"])


@pytest.mark.parametrize("inward", [False, True], ids=["outward", "inward"])
def test_sipps_own_scenarios_go_through(wire: Wire, inward: bool):
    pair(wire, ("uac", "uas"), inward=inward, more=("-d", "300"))
    assert last_call(wire)["state"] == "completed"


@pytest.mark.parametrize("inward", [False, True], ids=["outward", "inward"])
def test_hold_tones_transfer_and_fax(wire: Wire, captures: dict[str, Capture], inward: bool):
    """INVITE, hold, resume, INFO, RFC 4733, REFER with its NOTIFY, T.38, BYE: sipp checks each, we what is heard."""
    pair(wire, ("course_caller", "course_callee"), inward=inward)
    row = last_call(wire)
    assert (row["state"], row["direction"]) == ("completed", "inbound" if inward else "outbound")
    assert min(row["audio_in"]["packets"], row["audio_out"]["packets"]) > 20
    caller, callee = (WAN, LAN) if inward else (LAN, WAN)
    spoken, echoed = captures[callee].rtp(), captures[caller].rtp()
    for heard in (spoken, echoed):
        assert sum(count for (_, kind), count in heard.items() if kind == PCMA) > 20
        assert sum(count for (_, kind), count in heard.items() if kind == EVENT) > 3
    assert len({port for port, _ in spoken}) == 1  # one port through hold and resume


def test_trunk_with_twenty_calls_at_once(wire: Wire):
    began = time.time()
    pid = pair(wire, ("uac", "uas"), inward=False, calls=60, more=("-l", "20", "-r", "40", "-d", "700"))
    ended = [
        row["call"] for row in wire.alg.engine.ask(op="ended", after=began)["items"]
    ]  # a slow machine's first ones
    states = {row["call_id"]: row["state"] for row in (*ended, *wire.alg.rows("calls")) if f"-{pid}@" in row["call_id"]}
    assert list(states.values()) == ["completed"] * 60
