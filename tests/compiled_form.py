# SPDX-License-Identifier: GPL-2.0-or-later
"""A pytest plug-in (`-p tests.compiled_form`): the same tests, on the compiled form of the engine's hot modules."""

from __future__ import annotations

import pytest

from sipalg_core import compiled

TAKEN = compiled.take()
"""Now, since what a conftest imports before would stay in its pure form, and be another `Side` than the engine's."""


def pytest_configure(config: pytest.Config) -> None:
    if not TAKEN:
        raise pytest.UsageError("there is no compiled form of these sources: deploy/compile makes one")


def pytest_report_header() -> str:
    from sipalg_core.alg import engine
    from sipalg_core.sip import message

    return f"compiled: {message.__file__}, {engine.__file__}"
