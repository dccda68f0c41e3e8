# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory itself: it comes, goes and comes again; who has which power; a call; default deny."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from deploy.lab import peers, registrar, topology
from deploy.lab.processes import User
from sipalg_core.contract import names
from tests.lab.running import RunningLab, alive, capabilities, until

pytestmark = pytest.mark.lab

CAP_NET_ADMIN = 1 << 12
TEARDOWN_SECONDS = 5

# --- What runs, and with which power ---


def test_up_says_what_a_program_needs_to_know(lab: RunningLab) -> None:
    assert lab.console.startswith("http://127.0.0.1:")
    assert lab.namespaces == topology.NAMESPACES
    assert {"redis", "broker", "engine", "netadmin", "worker", "beat", "web", "kamailio"} <= lab.pids.keys()
    assert all(alive(pid) for pid in lab.pids.values())
    assert lab.get("health")["status"] == "ok"


def test_status_says_that_calls_can_be_placed(lab: RunningLab) -> None:
    status = json.loads(lab.manage("lab", "status", "--json"))
    assert status["callable"], status["obstacles"]
    assert status["running"] == lab.pids
    assert set(status["stopped"]) == {"traffic-outbound", "traffic-inbound"}


def test_up_while_up_changes_nothing(lab: RunningLab) -> None:
    before = (lab.token, lab.pids)
    lab.up()
    assert (lab.token, lab.pids) == before


@pytest.mark.parametrize(
    ("process", "user", "power"),
    [
        ("engine", User.ENGINE, 0),
        ("broker", User.BROKER, CAP_NET_ADMIN),
        ("netadmin", User.NETADMIN, CAP_NET_ADMIN),
        ("web", User.APP, 0),
        ("worker", User.APP, 0),
        ("beat", User.APP, 0),
        ("redis", User.APP, 0),
    ],
)
def test_process_has_exactly_its_power(lab: RunningLab, process: str, user: User, power: int) -> None:
    held = capabilities(lab.pids[process])
    assert held["CapEff"] == held["CapPrm"] == held["CapBnd"] == power
    status = Path(f"/proc/{lab.pids[process]}/status").read_text()
    assert f"Uid:\t{int(user)}\t{int(user)}\t{int(user)}\t{int(user)}" in status
    assert "NoNewPrivs:\t1" in status


# --- A call ---


def test_the_registrar_sees_only_the_appliance(lab: RunningLab) -> None:
    bindings = registrar.bindings()
    assert set(peers.INSIDE_USERS) <= bindings.keys()
    for user in peers.INSIDE_USERS:
        assert f"@{topology.APPLIANCE_OUTSIDE}" in bindings[user]
        assert "192.168." not in bindings[user]


@pytest.mark.parametrize("direction", ["outbound", "inbound"])
def test_a_call_crosses_with_audio_both_ways_and_leaves_nothing(lab: RunningLab, direction: str) -> None:
    until(lambda: not lab.elements("pinholes"), TEARDOWN_SECONDS + 3)  # of the test before
    with lab.capture("fw", "wan0") as outside, lab.place_call(direction) as call:
        row = until(lambda: lab.audible(call), 20)
        assert row, f"no audio both ways: {lab.call_row(call)}"
        assert (row["direction"], row["state"]) == (direction, "in_call")
        assert row["codec"].startswith("PCM")
        pinholes = [each for each in lab.get("pinholes")["items"] if each["call"] == row["id"]]
        media = {each["external"] for each in pinholes}
        assert {each["component"] for each in pinholes} == {"rtp", "rtcp"}
        assert {host.partition(":")[0] for host in media} == {topology.PROVIDER_MEDIA}
        assert _opened(lab) == {_endpoints(each) for each in pinholes}
        time.sleep(1)
    ended = time.monotonic()

    rtp = [packet for packet in outside if packet.payload[:1] == b"\x80"]
    directions = {(packet.source[0], packet.destination[0]) for packet in rtp}
    us, them = topology.APPLIANCE_OUTSIDE, topology.PROVIDER_MEDIA
    assert directions == {(us, them), (them, us)}
    assert min(sum(packet.source[0] == host for packet in rtp) for host in (us, them)) > 40
    assert not [packet for packet in outside if b"192.168." in packet.payload], "an inside address left the house"

    assert until(lambda: not lab.elements("pinholes"), TEARDOWN_SECONDS + 1 - (time.monotonic() - ended))
    finished = lab.call_row(call)
    assert finished is None or finished["state"] == "completed"


def _endpoints(row: dict[str, Any]) -> tuple[str, int, str, int]:
    """As the kernel's inbound set has it before translation: external → mapped."""
    (host, port), (own, own_port) = (row[side].rsplit(":", 1) for side in ("external", "mapped"))
    return host, int(port), own, int(own_port)


def _opened(lab: RunningLab) -> set[Any]:
    return set(lab.elements("pinholes_in"))


# --- Default deny ---


def test_what_no_rule_allows_does_not_pass(lab: RunningLab) -> None:
    """Closed, opened by a rule, closed again: so that silence is the appliance's doing."""
    assert not _passes(lab)
    rule = None
    address = lab.request("POST", "addresses", {"name": "Lab test PC", "kind": "host", "value": topology.PC})
    try:
        rule = lab.request("POST", "rules", {"name": "Lab test", "source": "Lab test PC", "action": "accept"})
        lab.apply("lab test: open")
        assert _passes(lab)
    finally:
        if rule:
            lab.request("DELETE", f"rules/{rule['id']}")
        lab.request("DELETE", f"addresses/{address['id']}")
        lab.apply("lab test: close")
    lab.run("fw", "conntrack", "-D", "-s", topology.PC, check=False)  # what was open stays so by design
    assert not _passes(lab)


def test_nothing_comes_in_from_outside(lab: RunningLab) -> None:
    with lab.capture("lan", "uplink") as inside, lab.socket("wan", topology.STRANGER) as stranger:
        lab.run("wan", "ip", "route", "replace", "192.168.0.0/24", "via", topology.APPLIANCE_OUTSIDE)
        try:
            for host in (topology.PBX, topology.PC):
                for port in (5060, 10000, 20000):
                    stranger.sendto(b"from a stranger", (host, port))
            for port in (5060, 20000, 30000):
                stranger.sendto(b"from a stranger", (topology.APPLIANCE_OUTSIDE, port))
            time.sleep(0.5)
        finally:
            lab.run("wan", "ip", "route", "delete", "192.168.0.0/24")
    assert not [packet for packet in inside if b"stranger" in packet.payload]


def _passes(lab: RunningLab) -> bool:
    """Whether a datagram of an ordinary PC reaches a host outside."""
    with lab.socket("wan", topology.STRANGER, 9999) as outside, lab.socket("lan", topology.PC) as inside:
        for _ in range(3):
            inside.sendto(b"hello", (topology.STRANGER, 9999))
        try:
            return outside.recv(100) == b"hello"
        except TimeoutError:
            return False


# --- Away and back; last, because everything is new afterwards ---


def test_the_laboratory_goes_without_a_trace_and_comes_again(lab: RunningLab) -> None:
    before = dict(lab.pids)
    lab.down()
    assert not [name for name in topology.NAMESPACES.values() if Path("/run/netns", name).exists()]
    assert not [name for name, pid in before.items() if alive(pid)]
    assert not names.run_dir().exists()
    assert not json.loads(lab.manage("lab", "status", "--json"))["callable"]
    lab.down()  # twice is as good as once
    lab.up()
    with lab.place_call() as call:
        assert until(lambda: lab.audible(call), 20)
