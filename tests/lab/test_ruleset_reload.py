# SPDX-License-Identifier: GPL-2.0-or-later
"""Reloads under load: no packet of a closed port leaks, none of an open one is lost, in trial after trial."""

import json
import mmap
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.ruleset.apply import apply, standing
from appliance.ruleset.policy import Policy, Rule, Service
from tests.lab.kernel_rig import run
from tests.lab.ruleset_rig import BOX, HOST, INTERFACES, LAN, PEER, WAN, namespaces

pytestmark = [pytest.mark.lab, pytest.mark.alone]

RELOADS = 1_000
RATE = 20_000  # packets a second, on average, while it is reloaded
OPEN, CLOSED = 7000, 7001
BURST = 50  # datagrams of one call; the device makes packets of them before anything sees them

# 17, 103: SOL_UDP, UDP_SEGMENT. Nobody answers, so that to the rules every packet is a new one.
SEND = f"""
import mmap, select, socket, struct, sys, time
file = open(sys.argv[1], "r+b")
progress = mmap.mmap(file.fileno(), 8)
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.setsockopt(17, 103, 8)
sender.bind(("{HOST}", 6000))
sent, began = 0, time.monotonic()
while not select.select([sys.stdin], [], [], 0.001)[0]:
    due = (time.monotonic() - began) * {RATE * 1.25}
    while sent < due:
        for port in ({OPEN}, {CLOSED}):
            sender.sendto(bytes(8 * {BURST}), ("{PEER}", port))
        sent += 2 * {BURST}
        progress[:] = struct.pack("=q", sent)

"""


def counting(*chains):
    """Counts the packets of both ports. A chain: its hook, its priority, a word, and what becomes of them."""
    parts = []
    for hook, priority, word, then in chains:
        parts += [f"counter {word}_{port} {{ }}" for port in ("open", "closed")]
        rules = [
            f"udp dport {OPEN} counter name {word}_open {then}",
            f"udp dport {CLOSED} counter name {word}_closed {then}",
        ]
        parts += [f"chain {hook} {{ type filter hook {hook} priority {priority};", *rules, "}"]
    return "\n".join(("table inet counting {", *parts, "}"))


def counted(namespace):
    """Once nothing is on its way any more."""
    before, now = {}, _counted(namespace)
    while now != before:
        time.sleep(0.2)
        before, now = now, _counted(namespace)
    return now


def _counted(namespace):
    listed = json.loads(run("nft", "-j", "list", "counters", "table", "inet", "counting", namespace=namespace))
    return {each["counter"]["name"]: each["counter"]["packets"] for each in listed["nftables"] if "counter" in each}


def dropped_by_the_machine():
    """Packets that found the queue between two interfaces full, on every CPU: busy cores, not the ruleset."""
    return sum(int(line.split()[1], 16) for line in Path("/proc/net/softnet_stat").read_text().splitlines())


def until_true(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@contextmanager
def sending(progress):
    """A sender at work; yields how many packets it has sent. All are on the wire when it is left."""
    progress.write_bytes(bytes(8))
    command = ("ip", "netns", "exec", LAN, sys.executable, "-c", SEND, progress)
    with (
        progress.open("r+b") as file,
        mmap.mmap(file.fileno(), 8) as shared,
        subprocess.Popen(command, stdin=subprocess.PIPE) as sender,
    ):
        until_true(lambda: any(shared[:]))
        yield lambda: int.from_bytes(shared[:], sys.byteorder)
        sender.communicate(b"\n")


def test_nothing_leaks_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    rules = tuple(
        Rule(each, each, "x", "accept", service=Service("x", "udp", str(port)))
        for each, port in enumerate((*range(100, 120), OPEN), start=1)
    )
    policy = Policy(1, "local", INTERFACES, rules)
    with namespaces() as wire:
        run("ip", "link", "set", "eth0", "gso_max_segs", "1", namespace=LAN)
        at_the_box = counting(("prerouting", -400, "came", ""), ("postrouting", 400, "left", ""))
        run("nft", "-f", "-", namespace=BOX, stdin=at_the_box)
        run("nft", "-f", "-", namespace=WAN, stdin=counting(("prerouting", -400, "heard", "drop")))
        wire.inside(apply, policy, wire.kernel)
        dropped = dropped_by_the_machine()
        with sending(tmp_path / "progress") as sent:
            began, before = time.monotonic(), sent()
            for reload in range(1, RELOADS + 1):
                later = replace(policy, revision=reload + 1)
                wire.inside(apply, later, wire.kernel, policy, 60 if reload % 2 else 0)
                policy = later
                while sent() - before < (time.monotonic() - began) * RATE:  # a busy machine: let the sender catch up
                    assert time.monotonic() - began < 600, "this machine cannot send so much"
                    time.sleep(0.005)
            rate = (sent() - before) / (time.monotonic() - began)
            assert wire.inside(standing, wire.kernel).deciding == RELOADS + 1
        box, peer = counted(BOX), counted(WAN)
        dropped = dropped_by_the_machine() - dropped
    assert rate >= RATE
    assert box["left_closed"] == peer["heard_closed"] == 0, "leaked"
    assert box["left_open"] == box["came_open"], "lost"
    assert 0 <= box["left_open"] - peer["heard_open"] <= dropped
