# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory, up once for all tests that name it; and a database that tests may clear up."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.conf import settings

from tests.lab.running import RunningLab


@pytest.fixture(scope="session")
def lab() -> Iterator[RunningLab]:
    if os.geteuid() != 0:
        pytest.skip("the laboratory makes network namespaces, which only root may")
    running = RunningLab()
    running.up()
    yield running
    running.down()


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """The audit's guards would also stop a test from clearing up; tests of the guards put them up themselves."""
    settings.AUDIT_GUARDS = False
