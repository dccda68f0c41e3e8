# SPDX-License-Identifier: GPL-2.0-or-later
"""The live log of the running laboratory: what is dropped has a line a moment later; a flood is bounded and counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

FLOOD = 3000
BANNED_AFTER = 10  # datagrams of a stranger in a minute, where nobody has set another number
SCANNER = "203.0.113.67"


def lines(lab: RunningLab, words: str) -> list[dict[str, object]]:
    return list(lab.get(f"log?q={words}")["items"])


def test_dropped_packet_has_a_line_and_a_flood_has_few_and_a_number(lab: RunningLab):
    assert until(lambda: lab.get("log")["listening"], 20), lab.get("log")["unavailable"]
    with lab.socket("lan", "192.168.0.66") as sender:
        port = sender.getsockname()[1]
        sender.sendto(b"?", ("203.0.113.66", 7311))
        found = until(lambda: lines(lab, f"dport:7311%20sport:{port}"), 20)
        assert [(each["verdict"], each["rule"], each["iif"], each["oif"]) for each in found] == [
            ("drop", "auto:default_deny", "lan0", "wan0")
        ]
        for _ in range(FLOOD):
            sender.sendto(b"?", ("203.0.113.66", 7312))
        told = until(lambda: sum(int(str(each["count"])) for each in lines(lab, "verdict:skipped")) >= FLOOD / 2, 20)
        assert told
        assert 0 < len(lines(lab, f"dport:7312%20sport:{port}")) < FLOOD / 2


@pytest.fixture
def logged_rule(lab: RunningLab) -> Iterator[str]:
    """A rule that accepts what it logs; gone afterwards, and what was applied is applied anew."""
    service = lab.request("POST", "services", {"name": "Log test", "protocol": "udp", "ports": "7313"})
    fields = {"name": "Seen and let out", "action": "accept", "service": "Log test", "log": True}
    rule = lab.request("POST", "rules", fields)
    try:
        lab.apply("a rule that logs")
        yield f"rule:{rule['id']}"
    finally:
        lab.request("DELETE", f"rules/{rule['id']}")
        lab.request("DELETE", f"services/{service['id']}")
        lab.apply("without the rule that logs")


def test_packet_of_a_rule_that_logs_has_a_line_with_its_name_and_verdict(lab: RunningLab, logged_rule: str):
    with lab.socket("lan", "192.168.0.66") as sender:
        sender.sendto(b"?", ("203.0.113.66", 7313))
        (found,) = until(lambda: lines(lab, "dport:7313"), 20)
    assert (found["verdict"], found["rule"], found["by"]) == ("accept", logged_rule, "Seen and let out")
    assert (found["saddr"], found["daddr"], found["oif"]) == ("192.168.0.66", "203.0.113.66", "wan0")


@pytest.fixture
def scanner(lab: RunningLab) -> Iterator[str]:
    """Another host outside, which is neither there nor banned afterwards."""
    address = ("address", "{}", f"{SCANNER}/24", "dev", "uplink")
    lab.run("wan", "ip", *(each.format("add") for each in address))
    try:
        yield SCANNER
    finally:
        lab.run("wan", "ip", *(each.format("del") for each in address))
        if SCANNER in {each["host"] for each in lab.get("bans")["items"]}:
            lab.request("DELETE", f"bans/{SCANNER}")


def test_drop_of_the_alg_has_a_line_with_its_reason(lab: RunningLab, scanner: str):
    with lab.socket("wan", scanner) as sender:
        for _ in range(BANNED_AFTER + 3):
            sender.sendto(b"OPTIONS sip:nm SIP/2.0\r\n\r\n", ("203.0.113.2", 5060))
        found = until(lambda: lines(lab, f"saddr:{scanner}%20rule:alg:banned-source"), 20)
    assert {(each["verdict"], each["by"], each["iif"]) for each in found} == {
        ("drop", "SIP ALG: banned host", "wan0")
    }  # fmt: skip
