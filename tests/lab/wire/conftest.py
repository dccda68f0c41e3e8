# SPDX-License-Identifier: GPL-2.0-or-later
"""One appliance for all scenarios, and a wire with parties of its own for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.wire.between import VARIANTS, Appliance, Variant, wires
from tests.lab.wire.rig import Wire


@pytest.fixture(scope="package")
def appliance() -> Iterator[Appliance]:
    with wires():
        made = Appliance()
        yield made
        made.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.when == "call":
        item.stash[_passed] = report.passed
    return report


_passed = pytest.StashKey[bool]()


@pytest.fixture(params=VARIANTS, ids=str)
def wire(request: pytest.FixtureRequest, appliance: Appliance) -> Iterator[Wire]:
    made = Wire(appliance, Variant(*request.param))
    yield made
    made.finish(clean=request.node.stash.get(_passed, False))


@pytest.fixture
def all_wires(request: pytest.FixtureRequest, appliance: Appliance) -> Iterator[list[Wire]]:
    """A wire of every variant at once, for scenarios that wait."""
    made = [Wire(appliance, variant) for variant in VARIANTS]
    yield made
    for each in made:
        each.finish(clean=request.node.stash.get(_passed, False))
