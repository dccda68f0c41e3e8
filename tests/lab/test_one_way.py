# SPDX-License-Identifier: GPL-2.0-or-later
"""One-way audio of a real call is told with its cause within three seconds of the answer (reference sip-alg 4, 6)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from deploy.lab import topology
from tests import pace
from tests.lab.misled import ELSEWHERE, misled
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

IN_TIME = 3.0  # seconds from the answer
POLLING = 0.3  # of the test itself


def told(lab: RunningLab, call: Any) -> dict[str, Any]:
    """The first verdict on the call, and how long after the answer it was there."""

    def verdict() -> dict[str, Any] | None:
        row = lab.call_row(call)
        return row if row and row["verdict"] else None

    row = until(verdict, 20)
    assert row, "no verdict"
    after = time.time() - row["answered"]
    assert after < (IN_TIME + POLLING) * pace.of_clock(), f"told {after:.1f} s after the answer"
    return dict(row["verdict"])


def rtp(lab: RunningLab, call: Any) -> dict[str, Any]:
    """The pinhole of the call's audio."""
    row = lab.call_row(call)
    assert row
    holes = lab.get("pinholes")["items"]
    return next(
        hole for hole in holes if (hole["call"], hole["component"], hole["kind"]) == (row["id"], "rtp", "exact")
    )


def test_audio_that_flows_is_told_as_well(lab: RunningLab):
    with lab.place_call() as call:
        assert told(lab, call)["code"] == "audio-both"


def test_provider_that_sends_from_another_address(lab: RunningLab):
    media = topology.PROVIDER_MEDIA
    with (
        misled(lab, "wan", f"ip saddr {media} ip saddr set {ELSEWHERE}"),
        lab.place_call() as call,
    ):
        verdict = told(lab, call)
        peer = rtp(lab, call)["external"]
    assert verdict["code"] == "peer-other-host"
    assert verdict["params"] == {"peer": peer, "host": ELSEWHERE}
    assert verdict["text"] == (f"No packets from {peer} since the answer; the other side sends from {ELSEWHERE}.")


def test_provider_that_sends_from_another_port(lab: RunningLab):
    media = topology.PROVIDER_MEDIA
    with (
        misled(lab, "wan", f"ip saddr {media} udp sport set 9000"),
        lab.place_call() as call,
    ):
        verdict = told(lab, call)
    assert verdict["code"] == "peer-other-port"
    assert verdict["params"]["port"] == "9000"


def test_provider_that_sends_to_another_port(lab: RunningLab):
    ours = topology.APPLIANCE_OUTSIDE
    with (
        misled(lab, "wan", f"ip daddr {ours} udp dport 20000-29999 udp dport set 29990"),
        lab.place_call() as call,
    ):
        verdict = told(lab, call)
        mapped = rtp(lab, call)["mapped"]
    assert verdict["code"] == "peer-missed-port"
    assert verdict["params"]["said"] == mapped.rpartition(":")[2]
    assert verdict["params"]["port"] == "29990"


def test_phone_that_sends_from_another_port(lab: RunningLab):
    with (
        misled(lab, "lan", f"ip daddr {topology.PROVIDER_MEDIA} udp sport set 18000"),
        lab.place_call() as call,
    ):
        verdict = told(lab, call)
    assert verdict["code"] == "phone-other-port"
    assert verdict["params"]["port"] == "18000"


def test_silence_of_both_sides(lab: RunningLab):
    with misled(lab, "wan", "udp dport 20000-29999 drop"), lost_inside(lab), lab.place_call() as call:
        verdict = told(lab, call)
    assert verdict["code"] == "both-silent"


def lost_inside(lab: RunningLab) -> Any:
    return misled(lab, "lan", f"ip daddr {topology.PROVIDER_MEDIA} drop")


def _with_packets(lab: RunningLab, call: Any, many: int) -> dict[str, Any] | None:
    row = lab.call_row(call)
    return row if row and min(row[way]["packets"] for way in ("audio_in", "audio_out")) > many else None


def test_ledger_and_messages_of_the_call_can_be_read(lab: RunningLab):
    with lab.place_call() as call:
        assert told(lab, call)["code"] == "audio-both"
        row = until(lambda: _with_packets(lab, call, 25), 20)
        assert row
        messages = lab.get(f"calls/{row['id']}/messages")["items"]
    assert [(each["method"], each["status"]) for each in messages][:1] == [("INVITE", 0)]
    assert any(edit["where"] == "Contact" for edit in messages[0]["edits"])
    audio = until(lambda: next((each for each in _closed(lab, row["id"]) if each["component"] == "rtp"), None), 20)
    assert audio
    assert audio["why"] == "call-ended"
    assert audio["packets_in"] > 20
    assert audio["packets_out"] > 20


def test_history_has_the_call_within_seconds_of_its_end(lab: RunningLab):
    with lab.place_call() as call:
        row = lab.call_row(call)
        assert row
    found = until(lambda: lab.get(f"calls/history?q={row['call_id']}")["items"], 20)
    assert found
    assert (found[0]["ident"], found[0]["state"]) == (row["id"], "completed")
    assert found[0]["ending"]["code"].startswith("hung-up-")


def test_pinhole_is_closed_by_an_operator_and_nothing_more_passes(lab: RunningLab):
    with lab.place_call() as call:
        told(lab, call)
        hole = rtp(lab, call)
        lab.request("DELETE", f"pinholes/{hole['id']}")
        row = until(lambda: (found := lab.call_row(call)) and not found["audio_out"]["active"] and found, 20)
        assert row
        assert row["verdict"]["code"] == "opening-closed"
        assert hole["mapped"] not in str(lab.elements("media_dnat"))


def _closed(lab: RunningLab, call: str) -> list[dict[str, Any]]:
    """The exact openings of a call that are closed; gates close earlier."""
    rows = lab.get("pinholes/ledger")["items"]
    return [row for row in rows if row["call"] == call and row["kind"] == "exact" and row["closed"] is not None]
