# SPDX-License-Identifier: GPL-2.0-or-later
"""Real programs in the whole laboratory: sipp and baresip through the appliance, kamailio and rtpengine."""

from __future__ import annotations

import time

import pytest

from deploy.lab import peers, registrar, topology
from sipalg_core.net import Endpoint
from tests.lab.running import Packet, RunningLab, until
from tests.lab.sipp import Sipp

pytestmark = pytest.mark.lab

INSIDE, OUTSIDE = Endpoint(topology.PBX, 5070), Endpoint(topology.SUBSCRIBERS[0], 5080)
PROXY = Endpoint(topology.PROVIDER, 5060)
EVENT = 101
"""The RTP payload type of baresip's and sipp's telephone events."""


@pytest.fixture(params=["udp", "tcp"])
def transport(request: pytest.FixtureRequest, lab: RunningLab) -> str:
    """Over it sipp has registered inside and outside."""
    for side, at, user in (("lan", INSIDE, "sipp-in"), ("wan", OUTSIDE, "sipp-out")):
        Sipp(
            lab.namespaces[side], "register", at, to=PROXY, transport=request.param, user=user, domain=PROXY.host
        ).ends_well()
    assert {"sipp-in", "sipp-out"} <= registrar.bindings().keys()
    return str(request.param)


def pair(lab: RunningLab, transport: str, scenarios: tuple[str, str], *, inward: bool, **how: object) -> None:
    inside, outside = ("lan", INSIDE, "sipp-in"), ("wan", OUTSIDE, "sipp-out")
    (caller, at, user), (callee, there, called) = (outside, inside) if inward else (inside, outside)
    common = {"transport": transport, "domain": PROXY.host} | how
    waiting = Sipp(lab.namespaces[callee], scenarios[1], there, user=called, media=7000, more=("-rtp_echo",), **common)
    try:
        taken = f"{there} "
        assert until(lambda: taken in lab.run(callee, "ss", "-Hln", f"--{transport}"), 20)
        Sipp(lab.namespaces[caller], scenarios[0], at, to=PROXY, user=user, service=called, media=14000,
             **common).ends_well()  # fmt: skip
        waiting.ends_well()
    finally:
        waiting.kill()


@pytest.mark.parametrize("inward", [False, True], ids=["outward", "inward"])
def test_sipp_registered_at_the_provider_has_an_office_call(lab: RunningLab, transport: str, inward: bool) -> None:
    """Hold, resume, tones both ways, transfer and fax, with the provider's proxy and relay between."""
    with lab.capture("fw", "wan0") as outside:
        pair(lab, transport, ("course_caller", "course_callee"), inward=inward)
    rows = [row for row in lab.get("calls")["items"] if "sipp-in" in row["from_uri"] + row["to_uri"]]
    row = max(rows, key=lambda each: each["since"])
    assert (row["direction"], row["state"]) == ("inbound" if inward else "outbound", "completed"), rows
    assert min(row["audio_in"]["packets"], row["audio_out"]["packets"]) > 20
    lines = [line for packet in outside for line in packet.payload.split(b"\r\n")]
    leaked = [line for line in lines if b"192.168." in line and not line.startswith(b"Call-ID")]
    assert not leaked, "an inside address left the house"
    assert {topology.APPLIANCE_OUTSIDE, topology.PROVIDER_MEDIA} <= {host for host, _ in tones(outside)}


def tones(packets: list[Packet]) -> set[tuple[str, int]]:
    """Who sent RFC 4733 events."""
    return {packet.source for packet in packets if packet.payload[:1] == b"\x80" and packet.payload[1] & 0x7F == EVENT}


def test_baresip_holds_resumes_and_sends_tones(lab: RunningLab) -> None:
    with lab.place_call("outbound") as call:
        first = until(lambda: lab.audible(call), 20)
        assert first
        ports = mapped(lab, first)
        call.control.command("hold")
        assert until(lambda: kinds(lab, first) == {"held"}, 20)
        call.control.command("resume")
        assert until(lambda: kinds(lab, first) == {"exact"}, 20)
        assert mapped(lab, first) == ports
        packets = first["audio_in"]["packets"]
        assert until(lambda: (row := lab.audible(call)) and row["audio_in"]["packets"] > packets, 20)
        with lab.capture("fw", "wan0") as outside:
            call.control.command("sndcode", "5")
            time.sleep(1)
        assert tones(outside)


def test_baresip_transfers_a_caller_to_another_subscriber(lab: RunningLab) -> None:
    """REFER outward: the outside party calls the third one, and ours is let go."""
    with lab.capture("fw", "wan0") as outside, lab.place_call("outbound") as call:
        assert until(lambda: lab.audible(call), 20)
        call.control.command("transfer", f"sip:{peers.SUBSCRIBERS[1].user}@{topology.PROVIDER}")
        assert until(lambda: (row := lab.call_row(call)) is None or row["state"] == "completed", 20)
    said = [packet.payload.partition(b"\r\n")[0] for packet in outside]
    assert [line for line in said if line.startswith(b"REFER sip:")]
    assert [line for line in said if line.startswith(b"NOTIFY sip:")]


def pinholes(lab: RunningLab, row: dict) -> list[dict]:
    return [each for each in lab.get("pinholes")["items"] if each["call"] == row["id"]]


def kinds(lab: RunningLab, row: dict) -> set[str]:
    return {each["kind"] for each in pinholes(lab, row)}


def mapped(lab: RunningLab, row: dict) -> set[str]:
    return {each["mapped"] for each in pinholes(lab, row)}
