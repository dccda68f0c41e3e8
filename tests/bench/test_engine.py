# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine alone, in both forms: one message, ten thousand calls. No socket, no kernel; a process for each."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.bench.conftest import FORMS, Limits
from tests.bench.crowd import FEW, MANY
from tests.bench.report import table
from tests.lab.kernel_rig import ROOT

pytestmark = pytest.mark.bench


@pytest.fixture(scope="module")
def measured(compiled: None) -> dict[str, dict]:
    return {form: {part: crowd(form, part) for part in ("alone", "bare", "traced")} for form in FORMS}


def crowd(form: str, part: str) -> dict:
    command = (sys.executable, "-m", "tests.bench.crowd", form, part)
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_cost_of_a_message_in_the_engine(measured, tables: list[str], limits: Limits) -> None:
    pure, machine = (measured[form]["alone"] for form in FORMS)
    rows = [(kind, pure[kind], machine[kind], 1e6 / pure[kind], 1e6 / machine[kind]) for kind in pure]
    columns = ("message", "pure µs", "compiled µs", "pure, a second on a core", "compiled")
    tables.append(table("Engine.receive alone", columns, rows))
    assert {kind: spent for kind, spent in pure.items() if spent > limits["engine"][kind]} == {}
    assert all(machine[kind] < 0.8 * pure[kind] for kind in pure)


def test_ten_thousand_calls(measured, tables: list[str], limits: Limits) -> None:
    rows = [
        (form, parts["bare"]["octets"] / 1000, each["octets"] / 1000, each["few"], each["many"],
         each["ratio"], each["journal"] / 1000, each["restore"])
        for form, parts in measured.items() for each in [parts["traced"]]
    ]  # fmt: skip
    columns = (
        "form", "kB a call", "with its trace", f"µs among {FEW}", f"µs among {MANY:,}", "ratio", "kB in the journal",
        "s to go on",
    )  # fmt: skip
    tables.append(table(f"{MANY:,} calls up, four messages each; INFO within them", columns, rows))
    budget = limits["ten thousand calls"]
    for form, parts in measured.items():
        each = parts["traced"]
        assert parts["bare"]["octets"] <= budget["octets"], form
        assert each["ratio"] <= budget["ratio"], form
        assert each["restore"] <= budget["restore"], form
