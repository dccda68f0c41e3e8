# SPDX-License-Identifier: GPL-2.0-or-later
"""Everything around the data path dies during a call: the audio goes on, and so does the next call."""

from __future__ import annotations

import os
import signal
import sqlite3
import time

import pytest

from appliance.live.control import engine_snapshot
from deploy.lab import supervision, topology
from sipalg_core.contract import names
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

PACKETS_A_SECOND = 50  # baresip sends 20 ms frames
DATABASE = names.state_dir() / "pinhole.sqlite3"
AROUND = ("redis", "worker", "beat", "web", "netadmin")
"""Every process that no packet needs."""


def heard(lab: RunningLab, seconds: float) -> tuple[int, int]:
    """RTP packets that passed the outside wire, to us and from us."""
    with lab.capture("fw", "wan0") as packets:
        time.sleep(seconds)
    media = [packet for packet in packets if packet.payload[:1] == b"\x80" and len(packet.payload) > 100]
    inward = sum(packet.source[0] == topology.PROVIDER_MEDIA for packet in media)
    return inward, len(media) - inward


def assert_audio_flows(lab: RunningLab) -> None:
    inward, outward = heard(lab, 1.0)
    assert min(inward, outward) >= 0.9 * PACKETS_A_SECOND, f"{inward} packets in, {outward} out in a second"


def in_call(call_id: str) -> bool:
    """The engine's own word, since the console may be dead."""
    return any(row["call_id"] == call_id and row["state"] == "in_call" for row in engine_snapshot("calls")["rows"])  # type: ignore[typeddict-item]


def assert_next_call_works(lab: RunningLab) -> None:
    with lab.place_call("inbound") as call:
        assert until(lambda: in_call(call.id), 20)
        assert_audio_flows(lab)


@pytest.mark.parametrize("process", AROUND)
def test_killing_what_stands_around_does_not_touch_a_call(lab: RunningLab, process: str) -> None:
    with lab.place_call() as call:
        os.kill(supervision.pids()[process], signal.SIGKILL)
        assert_audio_flows(lab)
        assert in_call(call.id)
    assert_next_call_works(lab)
    assert until(lab.healthy, 60), "it did not come back"


def test_calls_work_with_all_of_them_dead(lab: RunningLab) -> None:
    with lab.place_call(), lab.ended(*AROUND):
        assert_audio_flows(lab)
        assert_next_call_works(lab)
    assert until(lab.healthy, 60)


def hold_database() -> int:
    """A process that holds the database's lock until it is killed; returns its id."""
    holder = os.fork()
    if holder == 0:
        connection = sqlite3.connect(DATABASE, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
        signal.pause()
        os._exit(0)
    return holder


def is_locked() -> bool:
    connection = sqlite3.connect(DATABASE, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return True
    finally:
        connection.close()
    return False


def test_a_locked_database_does_not_touch_calls_and_its_holder_may_die(lab: RunningLab) -> None:
    with lab.place_call():
        holder = hold_database()
        try:
            assert until(is_locked, 20)
            assert_audio_flows(lab)
            assert_next_call_works(lab)
            assert is_locked()
        finally:
            os.kill(holder, signal.SIGKILL)
            os.waitpid(holder, 0)
    lab.apply("after the lock")  # and writing works again


def test_a_hung_redis_hangs_nobody(lab: RunningLab) -> None:
    redis = supervision.pids()["redis"]
    os.kill(redis, signal.SIGSTOP)
    try:
        assert_next_call_works(lab)
        began = time.monotonic()
        health = lab.get("health")
        assert time.monotonic() - began < 9  # the client gives up after ten
        assert health["status"] != "ok"
    finally:
        os.kill(redis, signal.SIGCONT)
    assert until(lab.healthy, 60)


def test_malformed_datagrams_are_counted_and_harm_nobody(lab: RunningLab) -> None:
    with lab.place_call(), lab.socket("lan", topology.PC) as stranger, lab.socket("lan", topology.PHONES[0]) as phone:
        before = lab.get("health")["engine"]["counters"]
        for junk in (b"\x00" * 100, b"GET / HTTP/1.1\r\n\r\n", b"INVITE sip:x SIP/2.0\r\n\r\n", os.urandom(900)):
            phone.sendto(junk, (topology.PROVIDER, 5060))
            stranger.sendto(junk, (topology.PROVIDER, 5060))  # no rule names it: it does not even reach the engine
        time.sleep(1.5)
        after = lab.get("health")["engine"]["counters"]
        counted = {
            name: after[name] - before.get(name, 0) for name in after if name.startswith(("dropped:", "answered:"))
        }
        assert sum(counted.values()) == 4, counted
        assert_audio_flows(lab)


def test_a_killed_engine_knows_its_calls_and_phones(lab: RunningLab) -> None:
    with lab.place_call() as call:
        assert until(lambda: in_call(call.id), 20)
        known = lab.get("registrations")["count"]
        before = supervision.pids()["engine"]
        os.kill(before, signal.SIGKILL)
        assert_audio_flows(lab)
        assert until(lambda: supervision.pids().get("engine", before) != before and lab.healthy(), 60)
        assert in_call(call.id)
        assert lab.get("registrations")["count"] == known
        assert_audio_flows(lab)
        assert_next_call_works(lab)  # inbound: it finds the phone by a mapping of the engine before
    assert until(lambda: not lab.elements("pinholes"), 20), "its BYE closed nothing"
    lab.pids = supervision.pids()
