# SPDX-License-Identifier: GPL-2.0-or-later
"""A test whose process dies is over all the same."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance import redis_socket
from appliance.kernel import probing
from appliance.probes.results import ENDED, job_key, said
from sipalg_core.contract import names
from tests.lab.running import until


@pytest.fixture
def redis(run_dir: Path) -> Iterator[None]:
    """A Redis of their own, where results lie."""
    socket = str(names.redis_socket())
    asked = ("redis-server", "--port", "0", "--unixsocket", socket, "--save", "", "--dir", str(run_dir))
    with subprocess.Popen(asked, stdout=subprocess.DEVNULL) as server:
        assert until(lambda: names.redis_socket().exists(), 20)
        yield
        server.terminate()


def codes(job: str) -> list[str]:
    return [json.loads(each)["code"] for each in redis_socket.client().lrange(job_key(job, names.NODE), 0, -1)]


def test_killed_process_is_said_to_have_died(redis: None):
    process = subprocess.Popen(("sleep", "60"))
    process.kill()
    probing.see_it_end("a", process)
    assert codes("a") == ["died", ENDED]


def test_hanging_process_is_ended(redis: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probing, "LONGEST", 0)
    monkeypatch.setattr(probing, "_GRACE", 0.1)
    process = subprocess.Popen(("sleep", "60"))
    probing.see_it_end("b", process)
    assert process.returncode is not None
    assert codes("b") == ["died", ENDED]


def test_nothing_is_added_to_a_test_that_said_all(redis: None):
    redis_socket.client().rpush(job_key("c", names.NODE), json.dumps(said(ENDED)))
    probing.see_it_end("c", subprocess.Popen(("true",)))
    assert codes("c") == [ENDED]
