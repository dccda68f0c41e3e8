# SPDX-License-Identifier: GPL-2.0-or-later
"""What every measurement gets: its limits, and a place for the tables that are printed at the end of the run."""

from __future__ import annotations

import os
import platform
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.lab.kernel_rig import ROOT

_TABLES = pytest.StashKey[list[str]]()

FORMS = ("pure", "compiled")
"""Of the engine's hot modules."""

Limits = dict[str, dict[str, float]]


@pytest.fixture(scope="session")
def limits() -> Limits:
    return tomllib.loads((Path(__file__).parent / "budget.toml").read_text())


@pytest.fixture(scope="session")
def compiled() -> None:
    """The compiled form is that of these sources."""
    subprocess.run((ROOT / "deploy" / "compile",), check=True)


@pytest.fixture
def tables(request: pytest.FixtureRequest) -> list[str]:
    return request.config.stash.setdefault(_TABLES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tables = config.stash.get(_TABLES, [])
    if tables:
        machine = f"Linux {platform.release()}, {os.cpu_count()} CPUs, Python {platform.python_version()}"
        terminalreporter.section("bench")
        terminalreporter.write_line("\n\n".join((machine, *tables)))
