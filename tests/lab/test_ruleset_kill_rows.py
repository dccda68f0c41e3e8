# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin killed at every step of keeping a trial and of going back: the ruleset is exactly the one or exactly the
other, and the console, once somebody has looked after it, says which."""

import json
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from django.db import connection

from appliance.ruleset import policy as ruleset
from appliance.ruleset.apply import apply
from appliance.system.models import Revision, State
from tests.lab.kernel_rig import run
from tests.lab.ruleset_rig import BOX, INTERFACES, namespaces

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]

ROOT = Path(__file__).resolve().parents[2]
NETADMIN = """
import json, os, signal, sys

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "appliance.settings"
django.setup()

from django.db import connections
from appliance.ruleset import apply as whole, files
from appliance.ruleset.policy import load
from appliance.system import tasks
from appliance.system.models import Revision, State
from appliance.system.services import revisions

tasks.announce = lambda revision: None  # there is no Redis that it could wait for
MODULES = {each.__file__ for each in (whole, files, tasks, revisions)}
OLD, NEW = (load(each.policy) for each in Revision.objects.order_by("number"))
KEY = Revision.objects.get(number=2).pk


def on_trial():
    whole.apply(OLD, tasks._kernel())
    whole.apply(NEW, tasks._kernel(), OLD, 300)
    for number, state in ((1, State.APPLIED), (2, State.WAITING)):
        Revision.objects.filter(number=number).update(state=state)


def looked_after():
    tasks.settle()
    states = {each.number: each.state for each in Revision.objects.all()}
    standing = whole.standing(tasks._kernel())
    print(json.dumps([states[1], states[2], standing.deciding, standing.left is not None]), flush=True)


def forked(work, last=0):
    seen = set()

    def step(frame, event, argument):
        code = frame.f_code
        if code.co_filename not in MODULES:
            return None
        if event != "line":
            seen.add((code.co_filename, code.co_firstlineno, event))
            if len(seen) == last:
                os.kill(os.getpid(), signal.SIGKILL)
        return step

    connections.close_all()
    child = os.fork()
    if not child:
        if last:
            sys.settrace(step)
        work()
        sys.settrace(None)
        connections.close_all()
        os._exit(0)
    return os.waitpid(child, 0)[1] == signal.SIGKILL


VERBS = {"keep": lambda: tasks.keep_revision(KEY), "undo": lambda: tasks.undo_revision(KEY)}
print("ready", flush=True)
for line in sys.stdin:
    word, last = line.split()
    if word in VERBS:
        print("killed" if forked(VERBS[word], int(last)) else "finished", flush=True)
    elif word == "trial":
        forked(on_trial)
        print("done", flush=True)
    else:
        forked(looked_after)
"""


def revision_with(number, state, *ports):
    rules = tuple(
        ruleset.Rule(each, place, "x", "accept", service=ruleset.Service("x", "udp", str(each)))
        for place, each in enumerate(ports, 1)
    )
    policy = ruleset.Policy(number, "local", INTERFACES, rules)
    Revision.objects.create(number=number, author="anna", policy=ruleset.dump(policy), confirm_within=300, state=state)
    return policy


def stands():
    """All that the kernel holds, but for what counts."""
    return run("nft", "--stateless", "list", "ruleset", namespace=BOX)


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("keep", [State.SUPERSEDED, State.APPLIED, 2, False]),
        ("undo", [State.APPLIED, State.ROLLED_BACK, 1, False]),
    ],
)
def test_killed_at_every_step_the_ruleset_is_whole_and_the_console_says_which(tmp_path, monkeypatch, verb, said):
    """A step is a function of ours that is called, or returns, for the first time in this keeping or going back."""
    for variable in ("PINHOLE_RUN", "PINHOLE_STATE"):
        monkeypatch.setenv(variable, str(tmp_path))
    old = revision_with(1, State.APPLIED, 1000, 2000)
    revision_with(2, State.WAITING, 1000, 3000)
    connection.cursor().execute("VACUUM INTO %s", [str(tmp_path / "pinhole.sqlite3")])
    command = ("ip", "netns", "exec", BOX, sys.executable, "-c", NETADMIN)
    decided = []
    with (
        namespaces() as wire,
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as netadmin,
    ):

        def ask(word, last=0):
            print(word, last, file=netadmin.stdin, flush=True)
            return netadmin.stdout.readline().strip()

        wire.inside(apply, old, wire.kernel)
        assert netadmin.stdout.readline() == "ready\n"
        ask("trial")
        before = stands()
        ask(verb)
        after = stands()
        assert before != after
        for step in count(1):
            if step == 1 or decided[-1]:
                ask("trial")
            assert stands() == before
            ended = ask(verb, step)
            now = stands()
            assert now in (before, after), f"neither the one nor the other after step {step}"
            told = json.loads(ask("look"))
            assert told == (said if now == after else [State.APPLIED, State.WAITING, 2, True]), f"after step {step}"
            decided.append(now == after)
            if ended == "finished":
                break
    assert decided == sorted(decided)
    assert decided.count(False) > 5
    assert decided.count(True) > 5
