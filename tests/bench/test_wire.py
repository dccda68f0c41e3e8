# SPDX-License-Identifier: GPL-2.0-or-later
"""Our engine and broker beside plain forwarding and the kernel's SIP helper, on wires of the same kind, in turns."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from itertools import count
from statistics import median

import pytest

from tests.bench import messages
from tests.bench.conftest import Limits
from tests.bench.load import LARGEST, PATIENCE, Cost
from tests.bench.report import quantile, table
from tests.bench.wires import WINDOW, WIRES, Wire, wire
from tests.unit.alg.harness import OURS, PHONE, respond

pytestmark = pytest.mark.bench

ROUNDS = 7
BURSTS = 8
CALLS = 32
SAMPLES = 1000
INTERVAL = 0.001
"""Seconds from one message to the next, which goes through the next wire: 250 a second through each."""
NAMES = {"plain": "plain forwarding", "helper": "nf_conntrack_sip", "alg": "Pinhole"}

CHECKED_PORT = 12000
"""The helper keeps a media port that is free, as any NAT that can; the ALG draws one."""

Costs = dict[str, list[Cost]]
serial = count(2)


@pytest.fixture(scope="module")
def wires() -> Iterator[dict[str, Wire]]:
    with contextlib.ExitStack() as stack:
        made = {name: stack.enter_context(wire(name)) for name in WIRES}
        for each in made.values():
            each.establish("standing")
        yield made


def in_turns(wires: dict[str, Wire], run: Callable[[Wire], Cost]) -> Costs:
    """Every wire once a round, so that what else the machine does hits all alike. The first round only warms up."""
    costs: Costs = {name: [] for name in wires}
    for _ in range(ROUNDS + 1):
        for name, each in wires.items():
            costs[name].append(run(each))
    return {name: each[1:] for name, each in costs.items()}


def rows_of(kind: str, costs: Costs) -> list[tuple[object, ...]]:
    """For each wire: CPU beyond the cable's, the rate a core gives by that, the rate seen, and the two ratios."""
    beyond = {
        name: [mine.cpu - cable.cpu for mine, cable in zip(costs[name], costs["direct"], strict=True)] for name in NAMES
    }
    return [
        (
            kind, title, median(beyond[name]), 1e6 / median(beyond[name]), median(cost.rate for cost in costs[name]),
            median(mine / helper for mine, helper in zip(beyond[name], beyond["helper"], strict=True)),
            median(mine / plain for mine, plain in zip(beyond[name], beyond["plain"], strict=True)),
        )
        for name, title in NAMES.items()
    ]  # fmt: skip


COLUMNS = ("messages", "through", "CPU µs", "messages/s on a core", "messages/s seen", "× helper", "× plain")


def ratio(rows: list[tuple[object, ...]]) -> float:
    found = next(row[5] for row in rows if row[1] == NAMES["alg"])
    assert isinstance(found, float)
    return found


def test_each_wire_does_what_it_is_measured_for(wires: dict[str, Wire]) -> None:
    for name, each in wires.items():
        invited, answered = each.establish("checked", CHECKED_PORT)
        contact, connection = b"Contact: <sip:101@%s:", b"c=IN IP4 %s\r\n"
        address = OURS.encode() if name in ("helper", "alg") else PHONE.host.encode()
        assert contact % address in invited, (name, invited)
        assert connection % address in invited, (name, invited)
        assert (b"m=audio %d " % CHECKED_PORT in invited) == (name != "alg"), (name, invited)
        assert messages.ANSWER in answered


def test_cost_of_a_message_on_the_wire(wires: dict[str, Wire], tables: list[str], limits: Limits) -> None:
    rows = []
    for kind, build in (("OPTIONS", messages.options), ("REGISTER", messages.register), ("INVITE", messages.reinvite)):

        def run(each: Wire, build: Callable[[str, int], bytes] = build) -> Cost:
            batches = [[build("standing", next(serial)) for _ in range(WINDOW)] for _ in range(BURSTS)]
            return sum((each.out(batch)[0] for batch in batches), Cost())

        measured = rows_of(kind, in_turns(wires, run))
        rows += measured
        assert ratio(measured) < limits["wire"][kind]
    tables.append(table("One message, phone to provider (INVITE: in a standing call, with SDP)", COLUMNS, rows))


def whole_calls(each: Wire) -> Cost:
    """INVITE, 180, 200, ACK, BYE, 200 of that many calls side by side, all new, with a description both ways."""
    numbers = [next(serial) for _ in range(CALLS)]
    calls = [f"call{number}" for number in numbers]
    ports = [20000 + 2 * (number % 20000) for number in numbers]
    invited, received = each.out([messages.invite(call, port=port) for call, port in zip(calls, ports, strict=True)])
    total = invited
    total += each.into([messages.ringing(request) for request in received])[0]
    total += each.into([messages.answer(request) for request in received])[0]
    tag = messages.CALLEE_TAG
    total += each.out([messages.request("ACK", call, 1, to_tag=tag) for call in calls])[0]
    ended, received = each.out([messages.request("BYE", call, 2, to_tag=tag) for call in calls])
    return total + ended + each.into([respond(request, 200, "OK") for request in received])[0]


def test_cost_of_a_whole_call(wires: dict[str, Wire], tables: list[str], limits: Limits) -> None:
    rows = rows_of("whole call", in_turns(wires, whole_calls))
    tables.append(table("A message of a whole call (six, pinholes opened and closed)", COLUMNS, rows))
    assert ratio(rows) < limits["wire"]["whole call"]


def test_added_latency(wires: dict[str, Wire], tables: list[str], limits: Limits) -> None:
    seen: dict[str, list[float]] = {name: [] for name in wires}
    for each in wires.values():
        each.provider.settimeout(PATIENCE)
    due = time.perf_counter()
    for name, each in [*wires.items()] * SAMPLES:
        message = messages.reinvite("standing", next(serial))
        due += INTERVAL
        time.sleep(max(0.0, due - time.perf_counter()))
        began = time.perf_counter()
        each.phone.send(message)
        each.provider.recv(LARGEST)
        seen[name].append((time.perf_counter() - began) * 1e3)
    cable = {share: quantile(seen["direct"], share) for share in (0.5, 0.99)}
    rows = [
        (title, p50, p99, p50 - cable[0.5], p99 - cable[0.99])
        for name, title in NAMES.items()
        for p50, p99 in [(quantile(seen[name], 0.5), quantile(seen[name], 0.99))]
    ]
    columns = ("through", "p50 ms", "p99 ms", "added p50 ms", "added p99 ms")
    tables.append(table(f"INVITE in a call, {0.25 / INTERVAL:.0f} a second", columns, rows))
    assert quantile(seen["alg"], 0.5) < limits["latency"]["p50"]
    assert quantile(seen["alg"], 0.99) < limits["latency"]["p99"]
