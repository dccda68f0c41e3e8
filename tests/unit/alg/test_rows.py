# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/README.md maps every complaint and every attack to the tests that there are, and to no others."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROWS = {
    line.split(" ")[1]: line
    for line in (HERE.parents[1] / "README.md").read_text().splitlines()
    if re.match(r"\| [CA]\d\d \|", line)
}
WRITTEN = {
    node.name
    for module in HERE.glob("test_*.py")
    for node in ast.parse(module.read_text()).body
    if isinstance(node, ast.FunctionDef) and re.match(r"test_([ca]\d\d_)+", node.name)
}


def test_no_row_is_missing():
    assert sorted(ROWS) == [f"A{number:02d}" for number in range(1, 47)] + [f"C{number:02d}" for number in range(1, 63)]


def test_every_test_of_a_row_is_named_there_and_exists():
    for row, line in ROWS.items():
        named = set(re.findall(r"`(test_[ca]\d\d_\w+)`", line))
        assert named == {name for name in WRITTEN if f"{row.lower()}_" in name[: len("test_a25_a26_")]}, row


@pytest.mark.parametrize("row", sorted(ROWS))
def test_row_without_a_test_says_so(row):
    assert f"test_{row.lower()}_" in ROWS[row] or "to come" in ROWS[row] or "_a25_a26_" in ROWS[row]
