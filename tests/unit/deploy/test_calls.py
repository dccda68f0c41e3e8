# SPDX-License-Identifier: GPL-2.0-or-later
"""Netstrings of baresip's ctrl_tcp: whole, byte by byte, several at once; what a failed dial says."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from deploy.lab import calls, peers


def netstring(message: dict[str, object]) -> bytes:
    text = json.dumps(message).encode()
    return b"%d:%s," % (len(text), text)


OK = {"response": True, "ok": True, "data": "done"}
ESTABLISHED = {"event": True, "type": "CALL_ESTABLISHED", "id": "abc"}


@pytest.fixture
def ends() -> Iterator[tuple[calls.Control, socket.socket]]:
    ours, baresip = socket.socketpair()
    with ours, baresip:
        yield calls.Control(peers.PHONES[0], ours), baresip


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_messages_are_read_however_they_are_cut(ends: tuple[calls.Control, socket.socket], size: int) -> None:
    control, baresip = ends
    stream = netstring(ESTABLISHED) + netstring(OK) + netstring(ESTABLISHED | {"id": "next"})

    def feed() -> None:
        for start in range(0, len(stream), size):
            baresip.sendall(stream[start : start + size])

    feeder = threading.Thread(target=feed)
    feeder.start()
    assert control.command("dial", "sip:300@example") == "done"
    assert [
        event["id"] for event in (control.event(time.monotonic() + 1), control.event(time.monotonic() + 1)) if event
    ] == [
        "abc",
        "next",
    ]
    feeder.join()
    assert baresip.recv(1000) == netstring({"command": "dial", "params": "sip:300@example"})


def test_a_refused_call_names_the_reason(ends: tuple[calls.Control, socket.socket]) -> None:
    control, baresip = ends
    closed = {"event": True, "type": "CALL_CLOSED", "id": "abc", "param": "404 Not Found"}
    baresip.sendall(netstring(OK) + netstring(closed))
    with pytest.raises(calls.CallFailed, match="phone-101 → 999: 404 Not Found"):
        calls.dial(control, "999")


def test_a_silent_baresip_is_not_waited_for_long(ends: tuple[calls.Control, socket.socket]) -> None:
    control, _ = ends
    assert control.event(time.monotonic() + 0.01) is None


def test_a_lost_control_connection_is_said(ends: tuple[calls.Control, socket.socket]) -> None:
    control, baresip = ends
    baresip.close()
    with pytest.raises((calls.CallFailed, BrokenPipeError)):
        control.command("reginfo")
