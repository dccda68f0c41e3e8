# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory, up once for all tests that name it."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.lab.running import RunningLab


@pytest.fixture(scope="session")
def lab() -> Iterator[RunningLab]:
    if os.geteuid() != 0:
        pytest.skip("the laboratory makes network namespaces, which only root may")
    running = RunningLab()
    running.up()
    yield running
    running.down()
