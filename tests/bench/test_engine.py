# SPDX-License-Identifier: GPL-2.0-or-later
"""What one message costs the pure engine: parse, decide, rewrite. No socket, no clock, no kernel."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

import pytest

from sipalg_core.contract.policy import PortRange
from sipalg_core.net import Datagram, Flow, Side, Transport
from tests.bench import messages
from tests.bench.conftest import Limits
from tests.bench.report import table
from tests.unit.alg.harness import PHONE, PROVIDER, World, policy

pytestmark = pytest.mark.bench

ROUNDS = 9
MESSAGES = 1500

Build = Callable[[str, int], bytes]
KINDS: dict[str, Build] = {
    "OPTIONS": messages.options,
    "REGISTER": messages.register,
    "INVITE in a call": messages.reinvite,
    "INVITE of a new call": lambda call, cseq: messages.invite(f"{call}{cseq}"),
}


def in_a_call() -> World:
    world = World(policy(media_ports=PortRange(10000, 59999)))
    (invited,) = world.out(messages.invite("standing"))
    world.into(messages.answer(invited.data))
    return world


def rounds(build: Build) -> Iterator[float]:
    """CPU microseconds for a message, once a round; each round has an engine of its own, in a call."""
    flow = Flow(Transport.UDP, Side.INTERNAL, PHONE, PROVIDER)
    for _ in range(ROUNDS):
        world = in_a_call()
        datagrams = [Datagram(build("standing", 2 + number), flow) for number in range(MESSAGES)]
        receive, now, forwarded = world.engine.receive, world.now, world.engine.counts["forwarded"]
        began = time.thread_time()
        for datagram in datagrams:
            receive(datagram, now)
        spent = time.thread_time() - began
        assert world.engine.counts["forwarded"] - forwarded == MESSAGES, world.engine.counts
        yield spent / MESSAGES * 1e6


def test_cost_of_a_message_in_the_engine(tables: list[str], limits: Limits) -> None:
    medians = {kind: median(rounds(build)) for kind, build in KINDS.items()}
    rows = [(kind, len(KINDS[kind]("standing", 2)), spent, 1e6 / spent) for kind, spent in medians.items()]
    tables.append(table("Engine.receive alone", ("message", "bytes", "µs", "messages/s on a core"), rows))
    assert {kind: spent for kind, spent in medians.items() if spent > limits["engine"][kind]} == {}
