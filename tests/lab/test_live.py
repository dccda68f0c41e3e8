# SPDX-License-Identifier: GPL-2.0-or-later
"""The hub against a real Redis: deltas come at once, gaps heal, a hung Redis is said and survived."""

import asyncio
import json
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest
import redis
from channels.db import database_sync_to_async

from appliance.accounts.models import User
from appliance.accounts.services import create_api_token
from appliance.system.models import Revision, State
from appliance.system.tasks import announce
from sipalg_core.contract import names
from tests.doubles import EngineDouble
from tests.live_socket import live

pytestmark = [pytest.mark.lab, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def run_dir(monkeypatch, settings):
    """Short, because a unix socket's path may have 107 octets."""
    path = Path(tempfile.mkdtemp(prefix="ph-live-"))
    monkeypatch.setenv("PINHOLE_RUN", str(path))
    hosts = [settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"][0] | {"address": f"unix://{path}/redis.sock"}]
    settings.CHANNEL_LAYERS = {"default": settings.CHANNEL_LAYERS["default"] | {"CONFIG": {"hosts": hosts}}}
    yield path
    shutil.rmtree(path)


@pytest.fixture
def redis_server(run_dir):
    command = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        str(names.redis_socket()),
        "--save",
        "",
        "--dir",
        str(run_dir),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not names.redis_socket().exists():
            time.sleep(0.02)
        yield process
        process.send_signal(signal.SIGCONT)
        process.terminate()


@pytest.fixture
def engine(run_dir):
    double = EngineDouble()
    yield double
    double.stop()


@pytest.fixture
def bearer():
    owner = User(username="anna", is_superuser=True)
    owner.save()
    return (b"authorization", b"Bearer " + create_api_token(user=owner, name="tests")[1].encode())


def publish(engine, row, seq):
    """As the engine does: its own copy first, then the delta."""
    engine.rows["calls"], engine.seq = [row], seq
    delta = {"topic": "calls", "seq": seq, "kind": "delta", "t": 0.0, "ops": [{"op": "put", "row": row}]}
    with redis.Redis(unix_socket_path=str(names.redis_socket())) as client:
        client.publish(names.live_channel(), json.dumps(delta))


async def test_deltas_come_at_once_and_a_gap_heals(redis_server, engine, bearer):
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["calls"]})
        assert (await socket.receive("live"))["state"] == "live"
        assert (await socket.receive("calls"))["rows"] == []
        for seq, packets in ((2, 10), (5, 20)):  # 3 and 4 were lost
            began = time.monotonic()
            await asyncio.to_thread(publish, engine, {"id": "a", "packets": packets}, seq)
            delta = await socket.receive("calls")
            assert delta["ops"] == [{"op": "put", "row": {"id": "a", "packets": packets}}]
            assert time.monotonic() - began < 4  # not with the next look at the engine's own copy


async def test_junk_in_the_channel_does_no_harm(redis_server, engine, bearer):
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["calls"]})
        await socket.receive("calls")
        with redis.Redis(unix_socket_path=str(names.redis_socket())) as client:
            for junk in ("{", "[]", '{"topic": "calls"}', '{"topic": "weather", "seq": 1, "ops": []}'):
                client.publish(names.live_channel(), junk)
                await asyncio.to_thread(publish, engine, {"id": "a", "junk": junk}, 2)
                assert (await socket.receive("calls"))["ops"][0]["row"]["junk"] == junk


async def test_hung_redis_is_said_within_five_seconds_and_survived(redis_server, engine, bearer):
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["calls"]})
        assert (await socket.receive("live"))["state"] == "live"
        await socket.receive("calls")
        redis_server.send_signal(signal.SIGSTOP)
        assert (await socket.receive("live"))["state"] == "delayed"  # the socket's patience is 5 s
        engine.rows["calls"] = [{"id": "new"}]
        assert [op["row"]["id"] for op in (await socket.receive("calls"))["ops"]] == ["new"]
        redis_server.send_signal(signal.SIGCONT)
        assert (await socket.receive("live"))["state"] == "live"


async def test_revision_is_announced(redis_server, engine, bearer):
    async with live(bearer) as socket:
        await socket.send({"subscribe": ["jobs"]})
        assert (await socket.receive("jobs"))["rows"] == []
        await asyncio.sleep(0.5)  # the hub joins the group beside the first snapshot
        revision = await database_sync_to_async(Revision.objects.create)(
            number=1, author="anna", policy={}, state=State.FAILED, error="because"
        )
        await asyncio.to_thread(announce, revision)
        row = (await socket.receive("jobs"))["ops"][0]["row"]
        assert (row["number"], row["state"], row["error"]) == (1, "failed", "because")
