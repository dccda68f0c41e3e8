# SPDX-License-Identifier: GPL-2.0-or-later
"""The control socket's language, over the real socket."""

from __future__ import annotations

import asyncio
import json
import stat
from collections import Counter

import pytest

from sipalg_core.io.control import LONGEST_LINE, BadRequest, ControlServer
from sipalg_core.io.faults import Faults


async def ping(_):
    return {"ok": True}


async def refuse(_):
    raise BadRequest("not today")


async def fail(_):
    raise KeyError("a fault of ours")


@pytest.fixture
async def exchange(run_dir):
    counts = Counter()
    server = ControlServer({"ping": ping, "refuse": refuse, "fail": fail}, Faults(counts))
    path = run_dir / "engine.sock"
    await server.start(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    reader, writer = await asyncio.open_unix_connection(path)

    async def send(line: bytes):
        writer.write(line)
        return json.loads(await reader.readline() or "null")

    send.counts, send.reader = counts, reader
    yield send
    writer.close()
    await writer.wait_closed()
    await server.close()


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        (b'{"op": "ping"}\n', {"ok": True}),
        (b'{"op": "refuse"}\n', {"error": "not today"}),
        (b'{"op": "dance"}\n', {"error": '"op" must be one of ping, refuse, fail'}),
        (b"{}\n", {"error": '"op" must be one of ping, refuse, fail'}),
        (b"[]\n", {"error": "no JSON object"}),
        (b"\xff\n", {"error": "no JSON"}),
        (b"ping\n", {"error": "no JSON"}),
    ],
)
async def test_a_line_gets_its_answer_and_the_next_one_too(exchange, line, answer):
    assert await exchange(line) == answer
    assert await exchange(b'{"op": "ping"}\n') == {"ok": True}


async def test_a_fault_of_ours_is_counted_and_answered(exchange):
    assert await exchange(b'{"op": "fail"}\n') == {"error": "the engine could not answer; its log says why"}
    assert exchange.counts == {"error:KeyError": 1}
    assert await exchange(b'{"op": "ping"}\n') == {"ok": True}


async def test_an_endless_line_is_refused_and_ends_the_connection(exchange):
    assert await exchange(b"x" * (LONGEST_LINE * 3)) == {"error": f"no line of at most {LONGEST_LINE} bytes"}
    assert await exchange.reader.read() == b""
