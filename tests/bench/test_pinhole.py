# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a pinhole takes from the engine's request to the broker's word that the kernel has it."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf
from typing import TypeVar

import pytest

from sipalg_core.contract.control import Pinhole, Reply, Status
from sipalg_core.net import Endpoint
from tests.bench.conftest import Limits
from tests.bench.report import quantile, table
from tests.bench.wires import wire
from tests.lab.kernel_rig import run
from tests.unit.alg.harness import OURS, PHONE, PROVIDER

pytestmark = pytest.mark.bench

PINHOLES = 2000
GATES = 50
COUNTRIES = 25_000
"""Intervals of a country set in the operator's table, as nobody's policy has more of."""


T = TypeVar("T")


def timed(ask: Callable[[T], Reply], holes: list[T]) -> list[float]:
    """Milliseconds of each."""
    spent = []
    for hole in holes:
        began = time.perf_counter()
        reply = ask(hole)
        spent.append((time.perf_counter() - began) * 1e3)
        assert reply.status is Status.OK, (hole, reply)
    return spent


def load_countries(namespace: str) -> None:
    """As netadmin writes them: concatenated intervals, in small transactions (ARCHITECTURE.md, "Objects that move")."""
    run("nft", "add set inet appliance countries { type ipv4_addr . inet_proto; flags interval; }", namespace=namespace)
    for first in range(0, COUNTRIES, 1000):
        numbers = range(first, first + 1000)
        networks = (f"{5 + each // 65536}.{each // 256 % 256}.{each % 256}.0/25 . 0-255" for each in numbers)
        run(
            "nft", "-f", "-", namespace=namespace,
            stdin=f"add element inet appliance countries {{ {', '.join(networks)} }}",
        )  # fmt: skip


def pinhole(number: int, *, gate: bool = False, mapped: int = 20000) -> Pinhole:
    """Each with endpoints of its own; a gate takes any port of its host."""
    internal, ours = Endpoint(PHONE.host, 10000 + 2 * number), Endpoint(OURS, mapped + 2 * number)
    return Pinhole(mapped + number, internal, ours, Endpoint(PROVIDER.host, 0 if gate else 30000 + 2 * number), 60)


def test_latency_of_a_pinhole(tables: list[str], limits: Limits) -> None:
    holes = [pinhole(number) for number in range(PINHOLES)]
    gates = [pinhole(number, gate=True) for number in range(GATES)]
    again = [pinhole(number, mapped=50000) for number in range(GATES)]
    pairs = list(zip(holes[::2], holes[1::2], strict=True))
    with wire("alg") as through, through.broker() as broker:
        load_countries("bn-alg-fw")
        spent = {
            "open": timed(broker.open, holes),
            "renew": timed(broker.open, holes),
            "close": timed(broker.close, holes),
            "open RTP and RTCP": timed(lambda pair: broker.open(*pair), pairs),
            "close RTP and RTCP": timed(lambda pair: broker.close(*pair), pairs),
            "open a gate": timed(broker.open, gates),
            "close a gate": timed(broker.close, gates),
            "open where a gate was": timed(broker.open, again),
        }
    rows = [(verb, quantile(each, 0.5), quantile(each, 0.99)) for verb, each in spent.items()]
    columns = ("verb", "p50 ms", "p99 ms")
    tables.append(
        table(f"A pinhole, engine → broker → kernel and back; {COUNTRIES:,} intervals in another table", columns, rows)
    )
    over = {verb: p50 for verb, p50, _ in rows if p50 > limits["pinhole p50"][verb]}
    late = {verb: p99 for verb, _, p99 in rows if p99 > limits["pinhole p99"].get(verb, inf)}
    assert (over, late) == ({}, {})
