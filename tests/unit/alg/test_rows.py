# SPDX-License-Identifier: GPL-2.0-or-later
"""tests/README.md maps every complaint and every attack to the tests that there are, and to no others."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
ROWS = {
    line[2:5]: [cell.strip() for cell in line.strip("|").split("|")]
    for line in (TESTS / "README.md").read_text().partition("## Control")[0].splitlines()
    if re.match(r"\| [CA]\d\d \|", line)
}


def written(folder: str, names: str) -> set[str]:
    return {
        node.name
        for module in (TESTS / folder).rglob("test_*.py")
        for node in ast.parse(module.read_text()).body
        if isinstance(node, ast.FunctionDef) and re.match(names, node.name)
    }


IN_THE_ENGINE = written("unit/alg", r"test_(c\d\d_)+") | written("unit", r"test_(a\d\d_)+")
ON_THE_WIRE = written("lab", r"test_([ca]\d\d_)+") | written("browser", r"test_(a\d\d_)+")


def named(cell: str) -> set[str]:
    return set(re.findall(r"`(test_[ca]\d\d_\w+)`", cell))


def of_row(row: str, tests: set[str]) -> set[str]:
    return {name for name in tests if f"_{row.lower()}_" in name[: len("test_a25_a26_")]}


def test_no_row_is_missing():
    assert sorted(ROWS) == [f"A{number:02d}" for number in range(1, 47)] + [f"C{number:02d}" for number in range(1, 63)]


@pytest.mark.parametrize("row", sorted(ROWS))
def test_every_test_of_a_row_is_named_there_and_exists(row):
    assert named(ROWS[row][2]) == of_row(row, IN_THE_ENGINE)
    assert named(ROWS[row][3]) == of_row(row, ON_THE_WIRE)


@pytest.mark.parametrize("row", sorted(ROWS))
def test_row_without_a_test_says_so(row):
    engine, wire = ROWS[row][2:4]
    if row.startswith("C"):
        assert named(wire)
        assert named(engine) or engine == "on the wire only"
    else:
        assert any(named(cell) or "to come" in cell for cell in (engine, wire))
