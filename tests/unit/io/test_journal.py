# SPDX-License-Identifier: GPL-2.0-or-later
"""What an engine wrote another one reads, wherever the first was killed; no disk and no nonsense on it stops a call."""

from __future__ import annotations

import asyncio
import os
import time
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from sipalg_core.alg.engine import Engine
from sipalg_core.io import journal as module
from sipalg_core.io.faults import Faults
from sipalg_core.io.journal import Journal
from tests.unit.alg.harness import MEDIA_PROXY, PHONE, World, established, invite, policy, respond, sdp


def journal(engine: Engine, path: Path) -> Journal:
    made = Journal(engine.state, path, Faults(engine.counts))
    made.restore(1000.0)
    return made


def write(world: World, path: Path) -> Journal:
    """Write down all that this world has gone through."""
    made = Journal(world.engine.state, path, Faults(world.engine.counts))
    changes = world.engine.state.changes.take(1000)
    made.restore(1000.0)
    for part, key in changes:
        world.engine.state.changes.note(part, key)
    made.turn(1000.0)
    return made


def in_call() -> World:
    world = World()
    world.registered()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    return world


def another(world: World) -> Engine:
    return Engine(policy(), random=Random(8), wall=world.engine._wall)


def read(world: World, path: Path) -> Engine:
    """Another engine that took over what stands there."""
    engine = another(world)
    journal(engine, path).close()
    return engine


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "engine.journal"


def assert_same(engine: Engine, world: World) -> None:
    for topic in ("calls", "registrations", "pinholes"):
        rows = [dict(row) | {"expires": 0} for row in engine.rows(topic, world.now)]
        assert rows == [dict(row) | {"expires": 0} for row in world.engine.rows(topic, world.now)]
    assert engine.state.endpoints() == world.engine.state.endpoints() != []


async def test_the_next_engine_goes_on_where_the_last_one_stopped(path: Path):
    world = in_call()
    write(world, path)
    assert_same(read(world, path), world)


def test_without_a_journal_it_starts_afresh(path: Path):
    assert read(World(), path).rows("calls", 0.0) == []
    assert path.stat().st_mode & 0o777 == 0o600


async def test_wherever_the_file_ends_what_stands_before_is_taken_over(path: Path):
    world = in_call()
    write(world, path)
    written = path.read_bytes()
    for end in (*range(0, len(written), 9), len(written)):
        path.write_bytes(written[:end])
        engine = read(world, path)
        records = max(0, written[:end].count(b"\n") - 1)
        assert len(engine.state.names()) <= records
        assert engine.counts == {}
        after = path.read_bytes()
        assert after == written[: len(after)]
        assert after.count(b"\n") == records + 1
    assert_same(engine, world)


async def test_what_is_written_behind_half_a_line_is_read(path: Path):
    world = in_call()
    write(world, path)
    path.write_bytes(path.read_bytes()[:-9])
    heir = World()
    kept = journal(heir.engine, path)
    heir.registered()
    kept.turn(1000.0)
    assert len(read(world, path).rows("registrations", 0.0)) == 1


@pytest.mark.parametrize("text", [b"{", b"[]\n", b'[2,"another run"]\n["call","x",[]]\n', b"\xff\n\n", b"[1]\n"])
async def test_what_is_no_journal_of_this_run_is_not_taken_over(path: Path, text: bytes):
    path.write_bytes(text)
    world = in_call()
    assert read(world, path).rows("calls", 0.0) == []
    write(world, path)
    assert_same(read(world, path), world)


async def test_a_line_that_is_nonsense_costs_no_other_one(path: Path, caplog):
    world = in_call()
    write(world, path)
    head, *lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head + b"".join(line + b"nonsense\n\xff\n[3]\n" for line in lines))
    assert_same(read(world, path), world)
    assert f"{3 * len(lines)} records cannot be read" in caplog.text


async def test_a_quiet_engine_writes_at_once_and_a_busy_one_soon(path: Path, monkeypatch):
    monkeypatch.setattr(module, "CREDIT", 1e-6)
    monkeypatch.setattr(module, "LARGEST_SHARE", 0.001)
    world = World()
    kept = journal(world.engine, path)
    established(world)
    now = time.monotonic()
    kept.turn(now)
    first = path.read_bytes()
    established(world, "call-2")
    kept.turn(now)  # at the same moment, however long this machine took
    assert path.read_bytes() == first  # it had its share
    assert b'"call-1"' in first
    deadline = time.monotonic() + 30
    while world.engine.state.changes and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert len(read(world, path).rows("calls", world.now)) == 2


async def test_writing_takes_no_more_than_its_share(path: Path, monkeypatch):
    monkeypatch.setattr(module, "CREDIT", 1e-6)
    world = World()
    kept = journal(world.engine, path)
    spent = 0.0
    flush = kept.flush

    def timed(most: int) -> None:
        nonlocal spent
        began = time.perf_counter()
        flush(most)
        spent += time.perf_counter() - began

    monkeypatch.setattr(kept, "flush", timed)
    began = time.perf_counter()
    for number in range(400):
        world.out(invite(f"call-{number}"))
        kept.turn(time.monotonic())
        await asyncio.sleep(0)
    assert 0 < spent < 0.3 * (time.perf_counter() - began)


async def test_a_file_that_has_grown_is_written_anew_and_forgets_nothing(path: Path, monkeypatch):
    monkeypatch.setattr(module, "COMPACTED_FROM", 5_000)
    monkeypatch.setattr(module, "AT_A_TIME", 3)
    monkeypatch.setattr(module, "CREDIT", 1e9)
    world = in_call()
    kept = write(world, path)
    sizes = [path.stat().st_size]
    for cseq in range(2, 200):
        world.out(invite(cseq=cseq, to_tag="b", body=sdp(PHONE.host, 14000)))
        while world.engine.state.changes:
            kept.turn(time.monotonic())
        sizes.append(path.stat().st_size)
        if not cseq % 20:
            await asyncio.sleep(0.1)
            assert_same(read(world, path), world)
    assert any(after < before for before, after in pairwise(sizes))
    assert max(sizes) < 160_000  # of 280,000 written
    kept.close()
    assert_same(read(world, path), world)


async def test_a_full_disk_costs_no_call_and_what_it_missed_is_written_later(path: Path, monkeypatch, caplog):
    world = in_call()
    full = os.write
    with monkeypatch.context() as patched:
        kept = journal(another(world), path)
        kept.close()
        patched.setattr(os, "write", lambda file, lines: full(file, lines[: len(lines) // 2]))
        kept = write(world, path)
        kept.turn(time.monotonic() + 3600)
        assert world.engine.counts["error:journal"] == 2
        assert caplog.text.count("calls go on") == 1
        assert path.read_bytes().count(b"\n") == 1
    while world.engine.state.changes:
        kept.turn(time.monotonic() + 3600)
    assert_same(read(world, path), world)
