# SPDX-License-Identifier: GPL-2.0-or-later
"""What tests on a bare appliance of three namespaces share: its wires, its broker, the two families of addresses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sipalg_core.io.pinholes import BrokerClient
from tests.lab.kernel_rig import ENGINE_UID, NETS, Net, Rig, namespaces


@pytest.fixture(scope="module")
def wires() -> Iterator[None]:
    with namespaces():
        yield


@pytest.fixture
def rig(wires: None) -> Iterator[Rig]:
    made = Rig()
    made.start()
    yield made
    made.close()


@pytest.fixture
def engine_rig(wires: None) -> Iterator[Rig]:
    """For an engine that is a process of its own."""
    made = Rig(ENGINE_UID)
    made.start()
    yield made
    made.close()


@pytest.fixture
def broker(rig: Rig) -> BrokerClient:
    return rig.client()


@pytest.fixture(params=NETS, ids=lambda net: net.word)
def net(request: pytest.FixtureRequest) -> Net:
    found: Net = request.param
    return found
