# SPDX-License-Identifier: GPL-2.0-or-later
"""Our engine and broker beside plain forwarding and the kernel's SIP helper, on wires of the same kind, in turns."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from statistics import median

import pytest

from sipalg_core.contract.control import Pinhole, Status
from sipalg_core.net import Endpoint
from tests.bench import messages
from tests.bench.conftest import Limits
from tests.bench.load import Cost, burst, journey, stamped
from tests.bench.report import quantile, table
from tests.bench.wires import APPLIANCES, WINDOW, WIRES, Wire, media_ends, wire
from tests.unit.alg.harness import OURS, PHONE, PROVIDER, respond

pytestmark = pytest.mark.bench

ROUNDS = 7
BURSTS = 8
CALLS = 32
SAMPLES = 1000
INTERVAL = 0.001
"""Seconds from one message to the next, which goes through the next wire: 200 a second through each."""
NAMES = {
    "plain": "plain forwarding", "helper": "nf_conntrack_sip", "alg": "Pinhole, pure", "compiled": "Pinhole, compiled",
}  # fmt: skip

CHECKED_PORT = 12000
"""The helper keeps a media port that is free, as any NAT that can; the ALG draws one."""

Costs = dict[str, list[Cost]]
serial = count(2)


@pytest.fixture(scope="module")
def wires(compiled: None) -> Iterator[dict[str, Wire]]:
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
    """For each wire: CPU beyond the cable's and as a whole, what a core does by the latter, the rate seen, and by how
    much more a core does through the helper, in both measures."""
    beyond = {
        name: [mine.cpu - cable.cpu for mine, cable in zip(costs[name], costs["direct"], strict=True)] for name in NAMES
    }
    return [
        (
            kind, title, median(beyond[name]), whole, 1e6 / whole, median(cost.rate for cost in costs[name]),
            median(mine / helper for mine, helper in zip(beyond[name], beyond["helper"], strict=True)),
            median(mine.cpu / helper.cpu for mine, helper in zip(costs[name], costs["helper"], strict=True)),
        )
        for name, title in NAMES.items()
        for whole in [median(cost.cpu for cost in costs[name])]
    ]  # fmt: skip


COLUMNS = (
    "messages", "through", "µs beyond a cable", "µs whole", "messages/s on a core", "messages/s seen",
    "× helper beyond", "× helper whole",
)  # fmt: skip


def assert_within(rows: list[tuple[object, ...]], limits: dict[str, float], kind: str) -> None:
    """By how many times our cost may exceed the helper's."""
    ratios = {name: row[6] for name, title in NAMES.items() for row in rows if row[1] == title}
    assert ratios["alg"] < limits[kind], ratios
    assert ratios["compiled"] < ratios["alg"], ratios


def test_each_wire_does_what_it_is_measured_for(wires: dict[str, Wire]) -> None:
    for name, each in wires.items():
        invited, answered = each.establish("checked", CHECKED_PORT)
        contact, connection = b"Contact: <sip:101@%s:", b"c=IN IP4 %s\r\n"
        ours = name in ("helper", *APPLIANCES)
        address = OURS.encode() if ours else PHONE.host.encode()
        assert contact % address in invited, (name, invited)
        assert connection % address in invited, (name, invited)
        assert (b"m=audio %d " % CHECKED_PORT in invited) == (name not in APPLIANCES), (name, invited)
        assert messages.ANSWER in answered


def test_cost_of_a_message_on_the_wire(wires: dict[str, Wire], tables: list[str], limits: Limits) -> None:
    rows = []
    for kind, build in (("OPTIONS", messages.options), ("REGISTER", messages.register), ("INVITE", messages.reinvite)):

        def run(each: Wire, build: Callable[[str, int], bytes] = build) -> Cost:
            batches = [[build("standing", next(serial)) for _ in range(WINDOW)] for _ in range(BURSTS)]
            return sum((each.out(batch)[0] for batch in batches), Cost())

        measured = rows_of(kind, in_turns(wires, run))
        rows += measured
        assert_within(measured, limits["wire"], kind)
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
    assert_within(rows, limits["wire"], "whole call")


RTP = b"\x80\x08" + bytes(170)
"""20 ms of G.711."""
EXPEDITED = 46
"""RFC 3246: what telephones mark their speech with."""
MEDIA = Pinhole(1, Endpoint(PHONE.host, 4000), Endpoint(OURS, 20000), Endpoint(PROVIDER.host, 7000), 60)


@pytest.mark.parametrize("dscp", [EXPEDITED, 0], ids=["marked", "unmarked"])
def test_cost_of_a_media_packet(wires: dict[str, Wire], tables: list[str], limits: Limits, dscp: int) -> None:
    """Through a pinhole of the broker, beside plain forwarding that masquerades; the engine has no part in it.

    Most telephones mark their speech; that of others is marked here, which plain forwarding does not do.
    """
    through = {name: wires[name] for name in ("direct", "plain", "alg")}
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(through["alg"].broker())
        assert broker.open(MEDIA).status is Status.OK
        ends = {name: stack.enter_context(media_ends(each.name, dscp)) for name, each in through.items()}

        def run(each: Wire) -> Cost:
            packets = [RTP] * WINDOW
            return sum((burst(*ends[each.name], packets, lambda: 0.0)[0] for _ in range(BURSTS * 4)), Cost())

        costs = in_turns(through, run)
    rows = []
    for name in ("plain", "alg"):
        cpu = median(cost.cpu for cost in costs[name])
        share = median(plain.cpu / mine.cpu for plain, mine in zip(costs["plain"], costs[name], strict=True))
        rows.append((NAMES[name], cpu, 1e6 / cpu, share))
    columns = ("through", "µs whole", "packets/s on a core", "of plain forwarding")
    tables.append(table(f"A media packet of {len(RTP)} octets with DSCP {dscp}, phone to provider", columns, rows))
    assert rows[1][3] >= limits["media"]["share of plain"]


@pytest.mark.parametrize("hurried", [False, True], ids=["as-any-process", "as-in-service"])
def test_added_latency(wires: dict[str, Wire], tables: list[str], limits: Limits, hurried: bool) -> None:
    """Last of all: who is hurried once stays so."""
    seen: dict[str, list[float]] = {name: [] for name in wires}
    for each in wires.values():
        stamped(each.provider)
        if hurried:
            each.hurry()
    due = time.perf_counter()
    for name, each in [*wires.items()] * SAMPLES:
        message = messages.reinvite("standing", next(serial))
        due += INTERVAL
        time.sleep(max(0.0, due - time.perf_counter()))
        seen[name].append(journey(each.phone, each.provider, message))
    cable = {share: quantile(seen["direct"], share) for share in (0.5, 0.99)}
    rows = [
        (title, p50, p99, p50 - cable[0.5], p99 - cable[0.99])
        for name, title in NAMES.items()
        for p50, p99 in [(quantile(seen[name], 0.5), quantile(seen[name], 0.99))]
    ]
    columns = ("through", "p50 ms", "p99 ms", "added p50 ms", "added p99 ms")
    how = "scheduled as in service (SCHED_RR)" if hurried else "scheduled as any process"
    load, rate = Path("/proc/loadavg").read_text().split()[0], 1 / INTERVAL / len(wires)
    tables.append(table(f"INVITE in a call, {rate:.0f} a second on each wire, {how}, load {load}", columns, rows))
    allowed = limits["latency in service" if hurried else "latency"]
    for name in APPLIANCES:
        assert quantile(seen[name], 0.5) < allowed["p50"]
        assert quantile(seen[name], 0.99) < allowed["p99"]
