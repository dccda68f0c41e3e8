# SPDX-License-Identifier: GPL-2.0-or-later
"""A provider by name in the running laboratory: a move reaches sets and ALG without a revision, calls go on."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.lab import topology
from sipalg_core.contract import names
from tests.lab.fake_resolver import FakeResolver, fake_resolver
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

SERVICE = "_sip._udp.tel.example"
FIRST, SECOND, MOVED = topology.PROVIDER, topology.PROVIDER_SECOND, topology.STRANGER


@pytest.fixture
def server() -> Iterator[FakeResolver]:
    with fake_resolver() as resolver:
        resolver.ttl = 86_400  # it is asked when the test says so
        resolver.zone = {
            (SERVICE, "SRV"): ["10 50 5060 one.tel.example.", "20 50 5060 two.tel.example."],
            ("one.tel.example", "A"): [FIRST], ("two.tel.example", "A"): [SECOND],
            ("pages.example", "A"): [MOVED],
        }  # fmt: skip
        yield resolver


@pytest.fixture
def by_name(lab: RunningLab, server: FakeResolver) -> Iterator[dict[str, Any]]:
    """The provider's group replaced everywhere by its name, and applied; afterwards it is as it was."""
    lab.request("PUT", "name-servers", {"servers": [server.server]})
    made = lab.request("POST", "addresses", {"name": "Tel by name", "kind": "dns", "value": SERVICE})
    group = next(each for each in lab.get("addresses")["items"] if each["name"] == "Provider")
    try:
        assert until(lambda: addresses(lab, made) == [FIRST, SECOND], 20), lab.get(f"addresses/{made['id']}")
        assert lab.request("POST", f"addresses/{group['id']}/replace?by={made['id']}")["places"] == 2
        lab.apply("provider by name")
        yield made
    finally:
        lab.request("POST", f"addresses/{made['id']}/replace?by={group['id']}")
        lab.request("DELETE", f"addresses/{made['id']}")
        lab.request("PUT", "name-servers", {"servers": []})
        lab.apply("provider by address again")


def addresses(lab: RunningLab, made: dict[str, Any]) -> list[str]:
    found: list[str] = lab.get(f"addresses/{made['id']}")["holding"]["addresses"]
    return found


def peers() -> set[str]:
    """Signalling addresses that the ALG was told."""
    policy = json.loads(names.policy_file().read_text())
    return {each.partition("/")[0] for peering in policy["peerings"] for each in peering["external"]}


def refresh(lab: RunningLab, made: dict[str, Any]) -> None:
    before = outcome(lab, made)
    lab.request("POST", f"addresses/{made['id']}/refresh")
    assert until(lambda: outcome(lab, made) != before, 20)


def outcome(lab: RunningLab, made: dict[str, Any]) -> tuple[Any, ...]:
    holding = lab.get(f"addresses/{made['id']}")["holding"]
    return holding["refreshed"], holding["error"], holding["refused"]


def test_provider_by_name_moves_under_a_running_call(
    lab: RunningLab, server: FakeResolver, by_name: dict[str, Any]
) -> None:
    assert peers() == {FIRST, SECOND}
    revision = lab.get("revisions")["items"][0]["number"]
    with lab.place_call() as call:
        assert until(lambda: lab.audible(call), 20), lab.call_row(call)
        server.zone["two.tel.example", "A"] = [MOVED]
        refresh(lab, by_name)
        assert addresses(lab, by_name) == [FIRST, SECOND, MOVED]  # the union of a day
        assert until(lambda: peers() == {FIRST, SECOND, MOVED}, 20)
        server.zone["two.tel.example", "A"] = ["192.168.0.66", "127.0.0.1"]  # poisoned
        refresh(lab, by_name)
        holding = lab.get(f"addresses/{by_name['id']}")["holding"]
        assert {each["address"]: each["reason"] for each in holding["refused"]} == {
            "192.168.0.66": "inside", "127.0.0.1": "loopback",
        }  # fmt: skip
        time.sleep(1)
        assert lab.audible(call), "the call did not survive"
        assert lab.call_row(call)["state"] == "in_call"  # type: ignore[index]
    assert peers() == {FIRST, SECOND, MOVED}
    assert lab.get("revisions")["items"][0]["number"] == revision
    with lab.place_call() as call:
        assert until(lambda: lab.audible(call), 20), lab.call_row(call)


def test_name_in_a_rule_of_the_filter_follows_without_an_apply(lab: RunningLab, server: FakeResolver) -> None:
    lab.request("PUT", "name-servers", {"servers": [server.server]})
    made = lab.request("POST", "addresses", {"name": "Pages", "kind": "dns", "value": "pages.example"})
    rule = lab.request("POST", "rules", {"name": "Pages", "action": "accept", "destination": "Pages"})
    try:
        assert until(lambda: addresses(lab, made) == [MOVED], 20)
        lab.apply("a name in a rule")
        assert passes(lab, MOVED)
        assert not passes(lab, topology.SUPPORT)
        server.zone["pages.example", "A"] = [topology.SUPPORT]
        refresh(lab, made)
        assert until(lambda: passes(lab, topology.SUPPORT), 20)
    finally:
        lab.request("DELETE", f"rules/{rule['id']}")
        lab.request("DELETE", f"addresses/{made['id']}")
        lab.request("PUT", "name-servers", {"servers": []})
        lab.apply("without it")
    assert not passes(lab, MOVED)
    assert "set s_" not in lab.run("fw", "nft", "list", "table", "inet", "appliance")


def passes(lab: RunningLab, host: str) -> bool:
    with lab.socket("wan", host, 9009) as there, lab.socket("lan", "192.168.0.66") as here:
        there.settimeout(0.3)
        here.sendto(b"?", (host, 9009))
        try:
            return bool(there.recv(16))
        except TimeoutError:
            return False
