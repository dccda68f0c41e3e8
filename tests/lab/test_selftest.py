# SPDX-License-Identifier: GPL-2.0-or-later
"""The ALG calls itself: as a user without any right, with the operator's settings, and it notices what they break."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sipalg_core.contract.policy import EMPTY, AlgPolicy, Handling, dump
from sipalg_core.selftest.flows import FLOWS
from tests.lab.kernel_rig import ROOT, as_user

pytestmark = pytest.mark.lab

NOBODY_IN_PARTICULAR = 64077


def selftest(policy: Path) -> tuple[int, list[dict[str, Any]]]:
    command = (*as_user(NOBODY_IN_PARTICULAR), sys.executable, "-m", "sipalg_core", "selftest", "--policy", str(policy))
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:3]:
        folder.chmod(0o755)
    return tmp_path / "policy.json"


def write(path: Path, policy: AlgPolicy) -> Path:
    path.write_bytes(dump(policy))
    path.chmod(0o644)
    return path


def test_every_flow_goes_well_without_a_privilege_and_leaves_nothing(policy_file: Path) -> None:
    code, results = selftest(write(policy_file, EMPTY))
    assert [(each["flow"], each["detail"]) for each in results if not each["ok"]] == []
    assert [each["flow"] for each in results] == [flow.name for flow in FLOWS]
    assert code == 0
    assert subprocess.run(("pgrep", "-u", str(NOBODY_IN_PARTICULAR)), check=False).returncode == 1  # no process is left


def test_settings_that_stop_calls_are_noticed_and_named(policy_file: Path) -> None:
    blocked = AlgPolicy(1, handling=Handling(blocked_methods=("INVITE",)))
    code, results = selftest(write(policy_file, blocked))
    by_name = {each["flow"]: each for each in results}
    assert code == 1
    assert by_name["registration"]["ok"]
    assert by_name["outgoing-call"]["detail"] == "INVITE did not arrive at 203.0.113.1:5060."


def test_a_policy_that_is_none_is_said_in_words(policy_file: Path) -> None:
    policy_file.write_text("{}")
    policy_file.chmod(0o644)
    code, results = selftest(policy_file)
    assert code == 2
    assert "revision" in results[0]["error"]
