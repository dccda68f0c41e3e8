# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin killed anywhere in an apply: the kernel has exactly the old ruleset or exactly the new one."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from appliance.ruleset.apply import apply, standing
from appliance.ruleset.policy import Policy, Rule, Service, dump
from sipalg_core.contract import names
from sipalg_core.contract.running import running
from tests.lab.kernel_rig import run
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
rules = tuple(Rule(n, n, "x", "accept", service=Service("x", "both", str(n))) for n in range(1, {RULES} + 1))
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


STEPS = """
import json, os, signal, sys
from appliance.ruleset import apply as whole, boot, files, sets
from appliance.ruleset.policy import load
from sipalg_core.nft.client import Client

MODULES = {each.__file__ for each in (whole, boot, files, sets)}
old, new = (load(json.loads(sys.stdin.readline())) for _ in range(2))
print("ready", flush=True)

def killed_at(last):
    seen = set()

    def step(frame, event, argument):
        if frame.f_code.co_filename not in MODULES:
            return None
        seen.add((frame.f_code.co_filename, frame.f_lineno))
        if len(seen) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return step

    return step

for line in sys.stdin:
    last, window = map(int, line.split())
    netadmin = os.fork()
    if not netadmin:
        kernel = Client()
        sys.settrace(killed_at(last))
        whole.apply(new, kernel, old if window else None, window)
        sys.settrace(None)
        os._exit(0)
    print("killed" if os.waitpid(netadmin, 0)[1] == signal.SIGKILL else "finished", flush=True)
"""


def revision_with(number, *ports):
    rules = tuple(
        Rule(each, place, "x", "accept", service=Service("x", "both", str(each))) for place, each in enumerate(ports, 1)
    )
    return Policy(number, "local", INTERFACES, rules)


def stands():
    """All that the kernel holds, but for what counts."""
    return run("nft", "--stateless", "list", "ruleset", namespace=BOX)


@pytest.mark.parametrize("window", [0, 300], ids=["for-good", "on-trial"])
def test_killed_at_every_step_of_an_apply_the_ruleset_is_exactly_old_or_exactly_new(tmp_path, monkeypatch, window):
    """A step is a line of ours that has not run before in this apply."""
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    old, new = revision_with(1, 1000, 2000), revision_with(2, 1000, 3000)
    command = ("ip", "netns", "exec", BOX, sys.executable, "-c", STEPS)
    found = []
    with (
        namespaces() as wire,
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as netadmin,
    ):

        def ask(line):
            print(line, file=netadmin.stdin, flush=True)
            return netadmin.stdout.readline().strip()

        print(json.dumps(dump(old)), file=netadmin.stdin, flush=True)
        assert ask(json.dumps(dump(new))) == "ready"
        wire.inside(apply, new, wire.kernel)
        wire.inside(apply, old, wire.kernel)
        before = stands()
        wire.inside(apply, new, wire.kernel, old if window else None, window)
        after = stands()
        for step in count(1):
            wire.inside(apply, old, wire.kernel)
            assert stands() == before
            ended = ask(f"{step} {window}")
            now, deciding = stands(), wire.inside(standing, wire.kernel).deciding
            assert now == (before, after)[deciding - 1], f"neither old nor new after step {step}"
            told = running(names.policy_file(), names.trial_file()).policy.revision
            assert deciding - told in (0, 1)  # settle makes the ALG follow
            found.append(deciding)
            if ended == "finished":
                break
    assert found == sorted(found)
    assert found.count(1) > 20
    assert found.count(2) > 10
