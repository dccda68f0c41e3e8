# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests/README.md says of the promises is shown by tests that there are."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
README = (TESTS / "README.md").read_text()
SECTIONS = {"The ALG": 20, "The firewall": 19, "People": 20, "The console": 43}
"""And how many promises each makes at least."""
ONE_WIRE = {"test_c61_alg_is_after_a_restart_of_the_machine_what_it_was_before"}
"""What it asks, no message answers."""


def rows(section: str) -> list[list[str]]:
    text = README.partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [line.strip("|").split("|") for line in text.splitlines() if "`: `" in line]


ROWS = [row for section in SECTIONS for row in rows(section)]


def written(module: str) -> dict[str, ast.stmt]:
    """By name; a state machine of hypothesis is a test by assignment."""
    found: dict[str, ast.stmt] = {}
    for node in ast.parse((TESTS / f"{module}.py").read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            found[node.targets[0].id] = node
    return found


@pytest.mark.parametrize("section", SECTIONS)
def test_no_promise_is_left_out(section):
    assert len(rows(section)) >= SECTIONS[section]


def test_every_journey_and_every_check_of_the_advisor_has_its_row():
    console = " ".join(row[0] for row in rows("The console"))
    assert [n for n in range(1, 13) if not re.search(rf"\bJ{n}\b", console)] == []
    assert [n for n in range(1, 25) if not re.search(rf"\bA{n:02}\b", console)] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip()[:40])
def test_what_shows_a_promise_is_there(row):
    for place in row[1].split(";"):
        module, *names = re.findall(r"`([\w/]+)`", place)
        assert names
        assert set(names) <= {name for name in written(module) if name.lower().startswith("test")}, module


@pytest.mark.parametrize("module", sorted(each.stem for each in (TESTS / "lab/wire").glob("test_[ac]*s_*.py")))
def test_every_row_on_the_wire_meets_every_transport_and_family(module):
    """It asks for a wire of each variant, or for all at once; one transport alone only by its mark."""
    rows = {name: node for name, node in written(f"lab/wire/{module}").items() if re.match(r"test_[ac]\d\d_", name)}
    assert rows
    for name in rows.keys() - ONE_WIRE:
        node = rows[name]
        assert isinstance(node, ast.FunctionDef)
        assert {each.arg for each in node.args.args} & {"wire", "all_wires"}, name
        marks = [ast.unparse(each) for each in node.decorator_list]
        assert not any("'wire'" in mark for mark in marks), f"{name} chooses its wires by itself"
