# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/README.md says of the firewall's promises is shown by tests that there are."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
SECTION = (TESTS / "README.md").read_text().partition("## The firewall\n")[2].partition("\n## ")[0]
ROWS = [line.strip("|").split("|") for line in SECTION.splitlines() if "`: `" in line]


def test_no_promise_is_left_out():
    assert len(ROWS) >= 19


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:40])
def test_what_shows_a_promise_is_there(row):
    for place in row[1].split(";"):
        module, *names = re.findall(r"`([\w/]+)`", place)
        there = {
            node.name
            for node in ast.parse((TESTS / f"{module}.py").read_text()).body
            if isinstance(node, ast.FunctionDef)
        }
        assert names
        assert set(names) <= there, module
