# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiled form: made once, taken where it is of these sources; the same tests pass on it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.lab.kernel_rig import ROOT

pytestmark = [pytest.mark.lab, pytest.mark.alone, pytest.mark.timeout(900)]

SUITES = ("tests/unit/alg", "tests/unit/sip", "tests/unit/sdp", "tests/torture")


@pytest.fixture(scope="module", autouse=True)
def compiled() -> None:
    subprocess.run((ROOT / "deploy" / "compile",), check=True)


def test_what_passes_on_the_pure_form_passes_on_the_compiled_one():
    command = (sys.executable, "-m", "pytest", "-p", "tests.compiled_form", "-m", "not pure", *SUITES)
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    assert "/.venv/pinhole/sipalg_core/alg/engine." in done.stdout.partition("\n\n")[0], done.stdout[:1000]


def imported(**environment: str) -> str:
    """Where the engine's process takes its parser from."""
    program = (
        "from sipalg_core import compiled; compiled.take(); from sipalg_core.sip import message as m; print(m.__file__)"
    )
    command = (sys.executable, "-c", program)
    done = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_it_is_taken_where_it_is_there_and_wanted():
    assert imported(PINHOLE_COMPILED="required").endswith(".so")
    assert imported(PINHOLE_COMPILED="").endswith(".so")
    assert imported(PINHOLE_COMPILED="no").endswith("message.py")
