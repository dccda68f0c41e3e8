# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel alone: broker, engine and netadmin are killed, and what was promised holds to the second."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from appliance.ruleset.policy import Address, Policy, Rule, Service, dump
from sipalg_core.contract import names
from tests.lab.kernel_rig import BROKER_UID, ENGINE_UID, ROOT, SHARED_GID, as_user
from tests.lab.ruleset_rig import BOX, HOST, INTERFACES, OUTSIDE, PEER, Wire, namespaces, passes

pytestmark = pytest.mark.lab

WEB = Service("Web", "tcp", "80")
TARGET = Address("Target", (HOST,))
SIP = Rule(
    9, 9, "sip", "accept", source=TARGET, destination=Address("Provider", (PEER,)),
    service=Service("SIP", "udp", "5060", "sip"),
)  # fmt: skip
NETADMIN = """
import json, signal, sys
from appliance.ruleset.apply import apply
from appliance.ruleset.policy import load
from sipalg_core.nft.client import Client

kernel, before = Client(), None
for line in sys.stdin:
    told = json.loads(line)
    policy = load(told["policy"])
    apply(policy, kernel, before if told["window"] else None, told["window"])
    before = policy
    print("applied", flush=True)
"""


class Machine:
    """The box with all of ours that touches its kernel."""

    def __init__(self, wire: Wire, folder: Path) -> None:
        self.wire = wire
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        inside = ("ip", "netns", "exec", BOX)
        core = (sys.executable, "-m", "sipalg_core")
        commands = {
            "netadmin": (*inside, sys.executable, "-c", NETADMIN),
            "broker": (*inside, *as_user(BROKER_UID, "net_admin"), *core, "broker", f"--engine-uid={ENGINE_UID}",
                       "--netadmin-uid=0"),
            "engine": (*inside, *as_user(ENGINE_UID), *core, "engine"),
        }  # fmt: skip
        self.processes = {}
        self.start("netadmin", commands, environment, folder)
        self.apply(Policy(1, "local", INTERFACES, (SIP,)))
        for name in ("broker", "engine"):
            self.start(name, commands, environment, folder)
            socket = names.run_dir() / f"{name}.sock"
            deadline = time.monotonic() + 30
            while not socket.exists():
                assert self.processes[name].poll() is None, (folder / f"{name}.log").read_text()
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def start(self, name, commands, environment, folder):
        with (folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                commands[name], env=environment, cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )

    def apply(self, policy: Policy, window: float = 0) -> None:
        netadmin = self.processes["netadmin"]
        netadmin.stdin.write(json.dumps({"policy": dump(policy), "window": window}).encode() + b"\n")
        netadmin.stdin.flush()
        assert netadmin.stdout.readline() == b"applied\n"

    def kill(self) -> None:
        """All at once, with no chance to say anything."""
        for process in self.processes.values():
            process.kill()
        for process in self.processes.values():
            process.communicate()


@pytest.fixture
def machine(monkeypatch):
    with tempfile.TemporaryDirectory(prefix="sh-") as folder:  # pytest's own is closed to other users
        for word in ("run", "state"):
            made = Path(folder, word)
            made.mkdir()
            made.chmod(0o2775)
            os.chown(made, BROKER_UID, SHARED_GID)
            monkeypatch.setenv(f"PINHOLE_{word.upper()}", str(made))
        Path(folder).chmod(0o755)
        with namespaces() as wire:
            machine = Machine(wire, Path(folder))
            try:
                yield machine
            finally:
                machine.kill()


def until_it_ends(connection, deadline):
    while passes(*connection):
        assert time.time() < deadline + 5, "still open"
        time.sleep(0.05)
    return time.time()


def test_time_limited_dnat_is_cut_at_its_time(machine):
    until = int(time.time()) + 5
    rule = Rule(2, 1, "in", "dnat", service=WEB, table="dnat", target=TARGET, until=until)
    machine.apply(Policy(2, "local", INTERFACES, (rule, SIP)))
    with machine.wire.connection(PEER, OUTSIDE, 80, at=HOST) as session:
        machine.kill()
        assert passes(*session)
        ended = until_it_ends(session, until)
    assert until - 1 <= ended <= until + 1
    assert machine.wire.reach(PEER, OUTSIDE, 80, at=HOST, kind="tcp") is None


def allowing(revision, port):
    """What both of the test's rulesets allow, and a port of its own."""
    into = Rule(2, 1, "in", "dnat", service=WEB, table="dnat", target=TARGET)
    both, own = (Rule(each, each, "out", "accept", service=Service("x", "both", str(each))) for each in (1000, port))
    return Policy(revision, "local", INTERFACES, (into, both, own, SIP))


def test_unconfirmed_rules_go_back_and_no_connection_is_lost_that_both_allow(machine):
    wire, window = machine.wire, 4
    machine.apply(allowing(2, 2000))
    with wire.connection(HOST, PEER, 1000) as outward, wire.connection(PEER, OUTSIDE, 80, at=HOST) as inward:
        begun = time.monotonic()
        machine.apply(allowing(3, 3000), window)
        applied = time.monotonic()
        machine.kill()
        assert wire.reach(HOST, PEER, 3000)
        assert not wire.reach(HOST, PEER, 2000) or time.monotonic() >= begun + window
        while not wire.reach(HOST, PEER, 2000):
            assert passes(*outward)
            assert passes(*inward)
            assert time.monotonic() < applied + window + 2
        assert time.monotonic() >= begun + window
        assert not wire.reach(HOST, PEER, 3000)
        assert passes(*outward)
        assert passes(*inward)
