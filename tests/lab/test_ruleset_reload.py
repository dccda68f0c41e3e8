# SPDX-License-Identifier: GPL-2.0-or-later
"""Reloads under load: no packet of a closed port leaks, none of an open one is lost, in trial after trial."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.ruleset.apply import apply
from appliance.ruleset.policy import Policy, Rule, Service
from tests.lab.ruleset_rig import HOST, INTERFACES, LAN, PEER, WAN, namespaces

pytestmark = pytest.mark.lab

RELOADS = 1_000
OPEN, CLOSED = 7000, 7001

SEND = f"""
import select, socket, sys, time
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind(("{HOST}", 6000))
sent = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    for _ in range(20):
        sender.sendto(b"o", ("{PEER}", {OPEN}))
        sender.sendto(b"c", ("{PEER}", {CLOSED}))
    sent += 20
    time.sleep(0.002)
print(sent)
"""
# 33 is SO_RCVBUFFORCE, which the module does not name.
COUNT = f"""
import select, socket, sys, time
heard = {{}}
for port in ({OPEN}, {CLOSED}):
    heard[port] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    heard[port].setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
    heard[port].bind(("{PEER}", port))
    heard[port].setblocking(False)
counts = {{port: 0 for port in heard}}
print("ready", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    for port, each in heard.items():
        try:
            while True:
                each.recv(8)
                counts[port] += 1
        except BlockingIOError:
            pass
    time.sleep(0.001)
print(counts[{OPEN}], counts[{CLOSED}])
"""


def start(namespace, program):
    command = ("ip", "netns", "exec", namespace, sys.executable, "-c", program)
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def dropped_by_the_machine():
    """Packets that found the queue between two interfaces full, on every CPU: busy cores, not the ruleset."""
    return sum(int(line.split()[1], 16) for line in Path("/proc/net/softnet_stat").read_text().splitlines())


def test_nothing_leaks_and_nothing_is_lost(tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    rules = tuple(
        Rule(each, each, "x", "accept", service=Service("x", "udp", str(port)))
        for each, port in enumerate((*range(100, 150), OPEN), start=1)
    )
    policy = Policy(1, "local", INTERFACES, rules)
    with namespaces() as wire:
        wire.inside(apply, policy, wire.kernel)
        dropped = dropped_by_the_machine()
        with start(WAN, COUNT) as counter:
            assert counter.stdout.readline() == "ready\n"
            sender = start(LAN, SEND)
            for reload in range(1, RELOADS + 1):
                later = replace(policy, revision=reload + 1)
                wire.inside(apply, later, wire.kernel, policy, 60 if reload % 2 else 0)
                policy = later
            sent = int(sender.communicate("\n")[0])
            time.sleep(0.5)
            heard_open, heard_closed = map(int, counter.communicate("\n")[0].split())
        dropped = dropped_by_the_machine() - dropped
    assert sent > 20_000
    assert heard_closed == 0
    assert 0 <= sent - heard_open <= dropped
