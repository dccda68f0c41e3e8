# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/README.md says of the promises of firewall and people is shown by tests that there are."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
TEXT = (TESTS / "README.md").read_text()
SECTIONS = {
    name: [line.strip("|").split("|") for line in TEXT.partition(f"## {name}\n")[2].partition("\n## ")[0].splitlines()
           if "`: `" in line]
    for name in ("The firewall", "People")
}  # fmt: skip
ROWS = [row for rows in SECTIONS.values() for row in rows]


def test_no_promise_is_left_out():
    assert len(SECTIONS["The firewall"]) >= 19
    assert len(SECTIONS["People"]) >= 20


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:40])
def test_what_shows_a_promise_is_there(row):
    for place in row[1].split(";"):
        module, *names = re.findall(r"`([\w/]+)`", place)
        there = {
            node.name
            for node in ast.parse((TESTS / f"{module}.py").read_text()).body
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert names
        assert set(names) <= there, module
