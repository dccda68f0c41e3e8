# SPDX-License-Identifier: GPL-2.0-or-later
"""C49, F20: our outside address changes under a registration and a call: no reboot, nothing of the old one stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.lab import topology
from sipalg_core.contract import names, policy
from tests import pace
from tests.lab.advisor.reading import member, parties
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

OLD, NEW = topology.APPLIANCE_OUTSIDE, "203.0.113.7"
IN_TIME = 2.0
"""Seconds, of a machine that has the time."""
DRAINED = 7.0
"""Seconds, by which the table has shown for long enough what is closed in the kernel already."""


@pytest.fixture
def changed(lab: RunningLab) -> Iterator[None]:
    """The old address comes back afterwards, and the phones with it."""
    yield
    lab.run("fw", "ip", "addr", "flush", "dev", "wan0", "scope", "global")
    for address in topology.ADDRESSES[topology.FW, "wan0"]:
        lab.run("fw", "ip", "addr", "add", address, "dev", "wan0", *(("nodad",) if ":" in address else ()))
    assert until(lambda: announced() == OLD, 20)
    lab.down()  # the registrar has bindings of both addresses
    lab.up()
    assert until(lambda: finding(lab) is None, 60), finding(lab)


@pytest.fixture
def registered(lab: RunningLab, changed: None) -> Iterator[None]:
    """A phone of the test's own that will not register again by itself."""
    with member(lab, "host", topology.STRANGER), parties() as talk:
        talk.register(600, granted=600)
        yield


def announced() -> str | None:
    return policy.read(names.policy_file()).external_address(4)


def finding(lab: RunningLab) -> dict[str, Any] | None:
    """The advisor's, on an address that changed; gone once every phone has registered anew."""
    return next((each for each in lab.get("advisor")["items"] if each["id"] == "A16-wan0"), None)


def tracked(lab: RunningLab, address: str) -> list[str]:
    return [line for line in lab.run("fw", "conntrack", "-L").splitlines() if f"={address} " in line]


def test_c49_new_outside_address_is_used_within_two_seconds(lab: RunningLab, registered: None) -> None:
    with lab.cut_call() as call:
        assert until(lambda: lab.audible(call), 20)
        assert tracked(lab, OLD)
        lab.run("fw", "ip", "addr", "del", f"{OLD}/24", "dev", "wan0")
        lab.run("fw", "ip", "addr", "add", f"{NEW}/24", "dev", "wan0")
        at = time.monotonic()
        assert until(lambda: announced() == NEW and not tracked(lab, OLD), 20), announced()
        assert time.monotonic() - at < IN_TIME * pace.of_clock()
        row = lab.call_row(call)
        assert row is None or row["reason"] == "our address changed"
        with lab.capture("fw", "wan0") as outside:
            time.sleep(1)
        assert not [packet for packet in outside if packet.source[0] == OLD]
    assert until(lambda: not [each for each in lab.get("pinholes")["items"] if OLD in each["mapped"]], 20)
    seen = until(lambda: finding(lab), 20)
    assert seen
    assert (seen["severity"], f"{NEW}/24" in seen["evidence"][0]) == ("error", True)
    assert len(seen["evidence"]) > 1, "who has not registered since"

    with lab.capture("fw", "wan0") as outside, lab.cut_call() as call:
        assert until(lambda: lab.audible(call), 20)
    assert {packet.source[0] for packet in outside if packet.source[0] in (OLD, NEW)} == {NEW}
    (interface,) = [each for each in lab.get("interfaces")["items"] if each["name"] == "wan0"]
    assert f"{NEW}/24" in interface["found"]
    assert lab.get("changes")["changes"] == []


def test_links_are_those_of_the_firewall(lab: RunningLab) -> None:
    links = {each["name"]: each for each in lab.get("links")["items"]}
    assert links.keys() == {"lan0", "wan0"}
    assert (links["lan0"]["carrier"], links["lan0"]["kind"]) == (True, "veth")
    assert "192.168.0.1/24" in [each["address"] for each in links["lan0"]["held"] if each["static"]]
    lab.run("wan", "ip", "link", "set", "uplink", "down")
    try:
        pulled = until(lambda: (link := _link(lab, "wan0"))["changed"] and not link["carrier"] and link, 20)
        assert pulled
        assert time.time() - pulled["changed"] < 20
    finally:
        lab.run("wan", "ip", "link", "set", "uplink", "up")
        for gateway in topology.DEFAULT_ROUTES.get(topology.WAN, ()):
            lab.run("wan", "ip", "route", "replace", "default", "via", gateway)


def _link(lab: RunningLab, name: str) -> dict[str, object]:
    return next(each for each in lab.get("links")["items"] if each["name"] == name)
