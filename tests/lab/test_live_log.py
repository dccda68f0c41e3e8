# SPDX-License-Identifier: GPL-2.0-or-later
"""The live log of the running laboratory: what is dropped has a line a moment later; a flood is bounded and counted."""

from __future__ import annotations

import pytest

from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

FLOOD = 3000


def lines(lab: RunningLab, words: str) -> list[dict[str, object]]:
    return list(lab.get(f"log?q={words}")["items"])


def test_dropped_packet_has_a_line_and_a_flood_has_few_and_a_number(lab: RunningLab):
    assert until(lambda: lab.get("log")["listening"], 15), lab.get("log")["unavailable"]
    with lab.socket("lan", "192.168.0.66") as sender:
        port = sender.getsockname()[1]
        sender.sendto(b"?", ("203.0.113.66", 7311))
        found = until(lambda: lines(lab, f"dport:7311%20sport:{port}"), 10)
        assert [(each["verdict"], each["rule"], each["iif"], each["oif"]) for each in found] == [
            ("drop", "auto:default_deny", "lan0", "wan0")
        ]
        for _ in range(FLOOD):
            sender.sendto(b"?", ("203.0.113.66", 7312))
        told = until(lambda: sum(int(str(each["count"])) for each in lines(lab, "verdict:skipped")) >= FLOOD / 2, 15)
        assert told
        assert 0 < len(lines(lab, f"dport:7312%20sport:{port}")) < FLOOD / 2
