# SPDX-License-Identifier: GPL-2.0-or-later
"""apply against a real kernel: one revision after the other, refusal, and a default that denies."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

import pytest
from pyroute2 import netns

from appliance.ruleset.apply import ApplyRefused, apply
from appliance.ruleset.policy import Address, Interface, Policy, Rule, Service
from sipalg_core.contract import names
from sipalg_core.contract import policy as alg
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft.client import Client
from sipalg_core.nft.statements import jump

pytestmark = pytest.mark.lab

NAMESPACE = f"ph-apply-{os.getpid()}"
POLICY = Policy(
    1, "local", (Interface("lan0", "internal", ("192.168.0.1/24",)),), (Rule(12, 1, "RTP in", "accept"),)
)  # fmt: skip


@pytest.fixture
def inside():
    """Run a function in a namespace of its own: the namespace belongs to the thread."""
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    with ThreadPoolExecutor(1, initializer=netns.setns, initargs=(NAMESPACE,)) as thread:
        yield lambda function, *arguments: thread.submit(function, *arguments).result()
    subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True)


@pytest.fixture
def kernel(inside, tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    return inside(Client)


def ruleset():
    listing = ["ip", "netns", "exec", NAMESPACE, "nft", "list", "ruleset"]
    return subprocess.run(listing, check=True, capture_output=True, text=True).stdout


def test_next_revision_replaces_the_last_and_the_same_again_changes_nothing(inside, kernel):
    inside(apply, POLICY, kernel)
    assert "forward_r1" in ruleset()
    for _ in range(2):
        inside(apply, replace(POLICY, revision=2), kernel)
        text = ruleset()
        assert "_r1" not in text
        assert text.count("rule:12") == 1
        assert alg.read(names.policy_file()).revision == 2


def test_what_nobody_allowed_is_dropped(inside, kernel):
    inside(apply, replace(POLICY, rules=()), kernel)
    text = ruleset()
    assert "hook forward priority filter; policy drop;" in text
    assert "hook input priority filter; policy drop;" in text


class Sabotaged(Client):
    """A jump into nowhere in the middle of a rule: no policy compiles to something that the kernel refuses."""

    def apply(self, transaction):
        super().apply(tuple(map(self._sabotage, transaction)))

    @staticmethod
    def _sabotage(command):
        what = getattr(command, "what", None)
        if isinstance(what, nft.Rule) and what.comment == "rule:12":
            return nft.Add(replace(what, statements=(jump("no_such_chain"),)))
        return command


def test_refused_revision_names_the_rule_and_leaves_everything(inside, kernel):
    inside(apply, POLICY, kernel)
    before, policy_before = ruleset(), names.policy_file().read_bytes()
    with pytest.raises(ApplyRefused, match=r"refused the rules \(rule 1, “RTP in”\)"):
        inside(apply, replace(POLICY, revision=2), inside(Sabotaged))
    assert (ruleset(), names.policy_file().read_bytes()) == (before, policy_before)


@pytest.mark.parametrize("value", ["0.0.0.0/0", "::/0", "0.0.0.0-255.255.255.255", "0.0.0.0", "255.255.255.255", "::"])
def test_extreme_addresses_are_taken(inside, kernel, value):
    address = Address("Extreme", (value, "10.0.0.1", "fd00::1"))
    inside(apply, replace(POLICY, rules=(Rule(12, 1, "x", "drop", address, Address("One", (value,))),)), kernel)
    assert "rule:12" in ruleset()


def test_everything_that_a_rule_can_say_is_taken(inside, kernel):
    protocols = ("udp", "tcp", "both", "icmp", "any")
    rules = tuple(
        Rule(number, number, "x", action, source, None, Service("x", protocol, ports), "internal", "", log=True)
        for number, (action, source, (protocol, ports)) in enumerate(
            product(
                ("accept", "drop", "reject"),
                (None, Address("v4", ("10.0.0.1",)), Address("both", ("10.0.0.0/8", "fd00::1-fd00::9"))),
                [(protocol, "") for protocol in protocols] + [("udp", "1-65535"), ("both", "53,100-200")],
            ),
            start=1,
        )
    )
    inside(apply, replace(POLICY, rules=rules), kernel)
    assert all(f'"rule:{rule.id}"' in ruleset() for rule in rules[::20])
