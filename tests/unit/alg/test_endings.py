# SPDX-License-Identifier: GPL-2.0-or-later
"""A SIP rule whose time is over: no new word passes, its calls end, and those that another rule allows go on."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

from sipalg_core.alg.engine import Engine
from tests.unit.alg.harness import World, established, invite, policy


def ended(*lasting: object) -> object:
    before = policy()
    return replace(before, enabled=bool(lasting), peerings=lasting, ended=before.peerings)


def test_calls_end_with_their_rule_and_nothing_new_passes() -> None:
    world = World()
    world.registered()
    established(world)
    assert world.open
    world.policy(ended())
    assert world.open == {}
    assert world.call()["reason"] == "the time of its rule is over"
    assert world.out(invite("later")) == []
    assert world.engine.counts["dropped:no-rule"] == 1


def test_call_that_another_rule_allows_as_well_goes_on() -> None:
    world = World()
    world.registered()
    established(world)
    world.policy(ended(replace(policy().peerings[0], rule="rule:2")))
    assert world.open
    assert world.call()["state"] == "in_call"


def test_rule_that_is_merely_gone_leaves_running_calls_alone() -> None:
    world = World()
    world.registered()
    established(world)
    world.policy(replace(policy(), enabled=False, peerings=()))
    assert world.open
    assert world.call()["state"] == "in_call"


def test_engine_that_was_dead_at_the_end_closes_what_it_remembers() -> None:
    world = World()
    world.registered()
    established(world)
    told = json.loads(json.dumps(world.engine.state.export()))
    successor = Engine(ended(), random=Random(8), wall=1_700_000_000.0)  # type: ignore[arg-type]  # as above
    assert successor.state.restore(told, world.now) == 0
    closed = successor.catch_up(world.now)
    assert {each.pinhole.id for each in closed if hasattr(each, "pinhole")} == set(world.open)
