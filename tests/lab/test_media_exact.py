# SPDX-License-Identifier: GPL-2.0-or-later
"""A pinhole of a running call lets its two endpoints through and nobody else."""

from __future__ import annotations

import socket
import struct
import time
from typing import Any

import pytest

from deploy.lab import topology
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

MARK = b"\x80\x08forged media of a test"
"""Begins like RTP, so that nothing but the pinhole stands in its way."""


def rtp_pinhole(lab: RunningLab) -> dict[str, Any]:
    def exact() -> list[dict[str, Any]]:
        rows = lab.get("pinholes")["items"]
        return [row for row in rows if (row["kind"], row["component"]) == ("exact", "rtp")]

    found = until(exact, 20)
    assert found
    return found[0]


def endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        pytest.param(topology.STRANGER, None, id="a stranger from the announced port"),
        pytest.param(topology.STRANGER, 40000, id="a stranger"),
        pytest.param(topology.PROVIDER_MEDIA, 40000, id="the RTP proxy from another port"),
        pytest.param(topology.PROVIDER, None, id="the SIP server from the announced port"),
    ],
)
def test_forged_media_does_not_arrive(lab: RunningLab, host: str, port: int | None) -> None:
    with lab.capture("lan", "uplink") as inside, lab.place_call():
        pinhole = rtp_pinhole(lab)
        with lab.socket("wan", host, port or endpoint(pinhole["external"])[1]) as forger:
            for _ in range(20):
                forger.sendto(MARK, endpoint(pinhole["mapped"]))
        time.sleep(0.5)
    assert [packet for packet in inside if packet.source[0] == topology.PROVIDER_MEDIA], "the real media was not seen"
    assert not [packet for packet in inside if packet.payload == MARK]


def test_phone_cannot_use_its_pinhole_to_reach_others(lab: RunningLab) -> None:
    with lab.capture("wan", "uplink") as outside, lab.place_call():
        pinhole = rtp_pinhole(lab)
        host, port = endpoint(pinhole["internal"])
        packet = raw_udp(host, port, topology.STRANGER, 9999, MARK)
        lab.send_raw("lan", packet, topology.STRANGER)
        time.sleep(0.3)
    assert [packet for packet in outside if packet.destination[0] == topology.PROVIDER_MEDIA]
    assert not [packet for packet in outside if packet.payload == MARK]


def test_not_one_packet_more_after_the_pinhole_closed(lab: RunningLab) -> None:
    """The far end goes on sending from the right endpoint: the established flow must not carry it."""
    with lab.place_call():
        pinhole = rtp_pinhole(lab)
    assert until(lambda: not [row for row in lab.get("pinholes")["items"] if row["call"] == pinhole["call"]], 20)
    host, port = endpoint(pinhole["external"])
    with lab.capture("lan", "uplink") as inside:
        lab.send_raw("wan", raw_udp(host, port, *endpoint(pinhole["mapped"]), MARK), endpoint(pinhole["mapped"])[0])
        time.sleep(0.3)
    assert not [packet for packet in inside if packet.payload == MARK]


def raw_udp(source: str, sport: int, destination: str, dport: int, payload: bytes) -> bytes:
    """An IPv4 packet with a UDP datagram; the kernel fills in what is zero (raw(7))."""
    udp = struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    return struct.pack("!BBHHHBBH8s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0, addresses) + udp
