# SPDX-License-Identifier: GPL-2.0-or-later
"""<case>/policy.json compiles to expected.nft and expected.alg.json, and the kernel takes every expected.nft."""

import json
import os
import random
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.ruleset import contents, policy
from appliance.ruleset.compile import compile_alg, compile_limits, compile_nft, layout
from appliance.ruleset.spans import Spans
from sipalg_core.contract import policy as alg
from sipalg_core.nft.ruleset import to_text

CASES = sorted(path.parent for path in Path(__file__).parent.glob("*/policy.json"))
NAMESPACE = f"ph-golden-{os.getpid()}"


class Known:
    """What every name resolves to here, and every country holds."""

    edition = "golden"

    def resolved(self, lookups):
        return ("203.0.113.1", "203.0.113.3", "2001:db8:a::1")

    def countries(self, codes):
        return Spans.of(["198.51.100.0/24"])


def load(case: Path) -> policy.Policy:
    return contents.fill(policy.load(json.loads((case / "policy.json").read_text())), Known())


def compiled(policy):
    """All of a revision, as at 1,700,000,000 s."""
    return to_text((*layout.frame(), *compile_limits(policy, 1_700_000_000), *compile_nft(policy)))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_policy_compiles_to_the_reviewed_nft(case):
    assert compiled(load(case)) == (case / "expected.nft").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_policy_compiles_to_the_reviewed_alg_policy(case):
    assert compile_alg(load(case)) == alg.load((case / "expected.alg.json").read_bytes())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_order_of_what_has_no_order_does_not_matter(case):
    """Interfaces, providers and an object's values come from the database in any order; rules do not."""
    original = load(case)
    shuffled = random.Random(1)

    def mixed(values):
        return tuple(shuffled.sample(values, len(values)))

    def mixed_address(address):
        return address and replace(address, values=mixed(address.values))

    other = replace(
        original,
        interfaces=mixed(original.interfaces),
        rules=tuple(
            replace(rule, source=mixed_address(rule.source), destination=mixed_address(rule.destination))
            for rule in original.rules
        ),
    )
    assert compiled(other) == (case / "expected.nft").read_text()


@pytest.fixture
def namespace():
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    yield NAMESPACE
    subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True)


@pytest.mark.lab
def test_kernel_takes_every_expected_text(namespace):
    """Loaded for real, one revision after the other, as the appliance does it."""
    for case in CASES:
        load_ = ["ip", "netns", "exec", namespace, "nft", "-f", str(case / "expected.nft")]
        result = subprocess.run(load_, capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (0, ""), case.name
