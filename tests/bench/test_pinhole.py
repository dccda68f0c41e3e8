# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a pinhole takes from the engine's request to the broker's word that the kernel has it."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from sipalg_core.contract.control import Pinhole, Reply, Status
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.net import Endpoint
from tests.bench.report import quantile, table
from tests.bench.wires import wire
from tests.unit.alg.harness import OURS, PHONE, PROVIDER

pytestmark = pytest.mark.bench

PINHOLES = 2000


def timed(ask: Callable[[Pinhole], Reply], holes: list[Pinhole]) -> list[float]:
    """Milliseconds of each."""
    spent = []
    for hole in holes:
        began = time.perf_counter()
        reply = ask(hole)
        spent.append((time.perf_counter() - began) * 1e3)
        assert reply.status is Status.OK, (hole, reply)
    return spent


def test_latency_of_a_pinhole(tables, limits):
    holes = [
        Pinhole(
            number + 1,
            Endpoint(PHONE.host, 10000 + 2 * number),
            Endpoint(OURS, 20000 + 2 * number),
            Endpoint(PROVIDER.host, 30000 + 2 * number),
            60,
        )
        for number in range(PINHOLES)
    ]
    with wire("alg") as through:
        assert through.broker_socket is not None
        broker = BrokerClient(through.broker_socket)
        figures = {"open": timed(broker.open, holes), "renew": timed(broker.open, holes), "close": timed(broker.close, holes)}
        broker.disconnect()
    rows = [(verb, quantile(spent, 0.5), quantile(spent, 0.99)) for verb, spent in figures.items()]
    tables.append(table(f"A pinhole, engine → broker → kernel and back, {PINHOLES} open", ("", "p50 ms", "p99 ms"), rows))
    assert quantile(figures["open"], 0.5) < limits["pinhole"]["p50"]
    assert quantile(figures["open"], 0.99) < limits["pinhole"]["p99"]
