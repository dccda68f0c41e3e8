# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin killed anywhere in an apply: the kernel has exactly the old ruleset or exactly the new one."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from appliance.ruleset.apply import apply, standing
from appliance.ruleset.policy import Policy
from sipalg_core.contract import names
from sipalg_core.contract.running import running
from tests.lab.ruleset_rig import BOX, INTERFACES, namespaces

pytestmark = pytest.mark.lab

ROOT = Path(__file__).resolve().parents[2]
KILLS = 20
RULES = 200
NETADMIN = f"""
import sys
from appliance.ruleset.apply import apply
from appliance.ruleset.policy import Interface, Policy, Rule, Service
from sipalg_core.nft.client import Client

kernel, revision = Client(), int(sys.argv[1])
interfaces = tuple(Interface(*each) for each in {[(each.name, each.role, each.addresses) for each in INTERFACES]!r})
rules = tuple(Rule(n, n, "x", "accept", service=Service("x", "udp", str(n))) for n in range(1, {RULES} + 1))
policy = Policy(revision, "local", interfaces, rules)
print("ready", flush=True)
while True:
    revision += 1
    later = Policy(revision, "local", interfaces, rules)
    apply(later, kernel, policy, 300 if revision % 2 else 0)
    policy = later
"""


def rules_by_chain(text):
    """Rules of the operator in each chain of forward, by revision."""
    counts, chain = Counter(), ""
    for line in text.splitlines():
        if found := re.match(r"\s+chain (\S+) ", line):
            chain = found[1]
        elif 'comment "rule:' in line and chain.startswith("forward_r"):
            counts[int(chain.removeprefix("forward_r"))] += 1
    return counts


def test_killed_anywhere_the_ruleset_is_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    pick, first = random.Random(7), 1
    with namespaces() as wire:
        wire.inside(apply, Policy(1, "local", INTERFACES), wire.kernel)
        for _ in range(KILLS):
            command = ("ip", "netns", "exec", BOX, sys.executable, "-c", NETADMIN, str(first))
            with subprocess.Popen(
                command, cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True
            ) as process:
                assert process.stdout.readline() == "ready\n"
                time.sleep(0.3 + pick.random() / 10)
                process.send_signal(signal.SIGKILL)
            now = standing(wire.kernel)
            counts = rules_by_chain(wire.ruleset())
            assert now.deciding > first
            assert counts[now.deciding] == RULES
            assert set(counts.values()) == {RULES}
            assert len(counts) == (1 if now.left is None else 2)
            told = running(names.policy_file(), names.trial_file()).policy
            assert now.deciding - told.revision in (0, 1)  # settle makes the ALG follow
            first = now.deciding + 1
