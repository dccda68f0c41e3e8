# SPDX-License-Identifier: GPL-2.0-or-later
"""The questions of the control socket, asked of a real engine with a call."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from sipalg_core.io.control import BadRequest, ControlServer
from sipalg_core.io.faults import Faults
from sipalg_core.io.questions import ident, questions
from tests.unit.alg.harness import World, established


@pytest.fixture
def world():
    made = World()
    established(made)
    return made


@pytest.fixture
def ask(world):
    server = ControlServer(questions(world.engine), Faults(Counter()))

    async def asked(**request):
        answer = await server.answer(json.dumps(request).encode() + b"\n")
        return json.loads(json.dumps(answer))

    return asked


async def test_every_question_is_answered_by_rows(world, ask):
    call = str(world.call()["id"])
    assert [part["part"] for part in (await ask(op="call", call=call))["items"]][:2] == ["call", "message"]
    assert "INVITE" in (await ask(op="trace", call=call))["items"][0]["before"]
    assert len((await ask(op="ledger"))["items"]) == len((await ask(op="ledger", call=call))["items"]) == 2
    assert (await ask(op="closed"))["items"] == []
    assert (await ask(op="transactions"))["items"][0]["method"] == "INVITE"
    assert (await ask(op="counters"))["items"][0]["messages"] == 1
    assert (await ask(op="ended", after=0))["items"] == []


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"op": "call"}, '"call" must be text'),
        ({"op": "trace", "call": 7}, '"call" must be text'),
        ({"op": "ledger", "call": None}, '"call" must be text'),
        ({"op": "ended"}, '"after" must be a number'),
        ({"op": "ended", "after": True}, '"after" must be a number'),
    ],
)
async def test_nonsense_is_answered_in_words(ask, request_, error):
    assert await ask(**request_) == {"error": error}


async def test_unknown_call_has_no_rows(ask):
    assert await ask(op="call", call="c-unknown") == {"items": []}


@pytest.mark.parametrize("value", ["", "-1", "1.5", "x", "٣", "9" * 21])
def test_what_is_no_id_is_refused(value):
    with pytest.raises(BadRequest):
        ident({"pinhole": value}, "pinhole")
