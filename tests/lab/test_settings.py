# SPDX-License-Identifier: GPL-2.0-or-later
"""A setting from the REST call to the packet: it is in force with the apply, and drops no call."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from deploy.lab import peers, topology
from deploy.lab.calls import CallFailed
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab


@contextmanager
def applied(lab: RunningLab, path: str, values: dict[str, Any]) -> Iterator[None]:
    """These settings in force while the context lasts."""
    lab.request("PATCH", path, {"values": values})
    lab.apply("settings")
    try:
        yield
    finally:
        lab.request("PATCH", path, {"reset": list(values)})
        lab.apply("settings again")


def provider(lab: RunningLab) -> str:
    (found,) = lab.get("providers")["items"]
    return f"providers/{found['id']}/settings"


def mapped_ports(lab: RunningLab, call: str) -> set[int]:
    rows = [row for row in lab.get("pinholes")["items"] if row["call"] == call]
    return {int(row["mapped"].rpartition(":")[2]) for row in rows}


def test_new_calls_take_the_new_ports_and_the_running_one_goes_on(lab: RunningLab) -> None:
    with lab.place_call() as call:
        row = lab.call_row(call)
        assert row
        before = mapped_ports(lab, row["id"])
        with applied(lab, "alg/settings", {"policy.media_ports": "41000-41999", "timers.inactive_media": 300}):
            assert mapped_ports(lab, row["id"]) == before
            assert until(lambda: (lab.call_row(call) or row)["audio_in"]["active"], 20)
            with lab.place_call("inbound") as other:
                found = lab.call_row(other)
                assert found
                ports = mapped_ports(lab, found["id"])
                assert ports
                assert all(41000 <= port <= 41999 for port in ports)
            after = lab.call_row(call)
            assert after
            assert after["state"] == "in_call"
            assert after["audio_in"]["packets"] > row["audio_in"]["packets"]


def test_shadow_mode_of_a_provider_shows_what_it_would_open_and_opens_nothing(lab: RunningLab) -> None:
    assert until(lambda: not lab.elements("pinholes_"), 20)
    with applied(lab, provider(lab), {"peering.shadow": True}):
        with lab.capture("wan", "uplink") as outside, suppress(CallFailed), lab.place_call():
            assert not lab.elements("pinholes_")
            rows = lab.get("pinholes")["items"]
            assert rows
            assert all(row["shadow"] and row["mapped"].startswith(topology.APPLIANCE_OUTSIDE) for row in rows)
        assert any(row["shadow"] for row in lab.get("calls")["items"])
        invites = [packet.payload for packet in outside if packet.payload.startswith(b"INVITE ")]
        assert any(peers.PHONES[0].address.encode() in invite for invite in invites)  # it left as it came
    with lab.place_call() as call:
        row = lab.call_row(call)
        assert row
        assert not row["shadow"]
        assert until(lambda: lab.elements("pinholes_"), 20)
