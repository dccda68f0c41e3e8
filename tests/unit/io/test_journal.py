# SPDX-License-Identifier: GPL-2.0-or-later
"""What an engine wrote another one reads; nonsense on the disk is no reason not to start."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from sipalg_core.alg.effects import OpenPinhole
from sipalg_core.alg.engine import Engine
from sipalg_core.io.faults import Faults
from sipalg_core.io.journal import Journal
from tests.unit.alg.harness import MEDIA_PROXY, PHONE, World, invite, policy, respond, sdp


def journal(engine: Engine, path: Path) -> Journal:
    return Journal(engine, path, Faults(Counter()))


def in_call() -> World:
    world = World()
    world.registered()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    return world


def another(world: World) -> Engine:
    return Engine(policy(), random=Random(8), wall=world.engine._wall)


def test_the_next_engine_goes_on_where_the_last_one_stopped(tmp_path: Path):
    world, path = in_call(), tmp_path / "state.json"
    journal(world.engine, path).write()
    engine = another(world)
    effects = journal(engine, path).restore(world.now)
    assert {effect.pinhole for effect in effects if isinstance(effect, OpenPinhole)} == set(world.open.values())
    for topic in ("calls", "registrations", "pinholes"):
        assert engine.rows(topic, world.now) == world.engine.rows(topic, world.now)
    assert engine.external_endpoints() == world.engine.external_endpoints() != []


def test_without_a_state_it_starts_afresh(tmp_path: Path):
    assert journal(another(World()), tmp_path / "state.json").restore(0.0) == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"version": 0}', '{"version": 1}', '{"version": 1, "calls": 5}'])
def test_nonsense_is_not_taken_over(tmp_path: Path, text: str):
    path = tmp_path / "state.json"
    path.write_text(text)
    engine = another(World())
    assert journal(engine, path).restore(0.0) == []
    assert engine.rows("calls", 0.0) == []


async def test_only_changes_are_written(tmp_path: Path):
    world, path = in_call(), tmp_path / "state.json"
    kept = journal(world.engine, path)
    task = asyncio.create_task(kept.run())
    await asyncio.sleep(0.05)
    assert not path.exists()
    kept.changed()
    await asyncio.sleep(0.7)
    task.cancel()
    assert len(json.loads(path.read_bytes())["calls"]) == 1
