# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests and captures in the running laboratory, on the way of real packets, by a process without a capability."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

PROVIDER = "203.0.113.1"


def results_of(lab: RunningLab, **asked: object) -> list[dict[str, Any]]:
    job = lab.request("POST", "tests", asked)["id"]
    answer = until(lambda: (found := lab.get(f"tests/{job}"))["ended"] and found, 40)
    assert answer, lab.get(f"tests/{job}")
    return [*answer["items"], {"code": job}]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_provider_answers_options(lab: RunningLab, transport: str):
    *_, answered, _job = results_of(lab, kind="options", host=PROVIDER, transport=transport)
    assert answered["code"] == "options-answered", answered
    assert answered["params"]["status"].startswith("200")


def test_ping_and_trace_reach_the_provider(lab: RunningLab):
    summed = results_of(lab, kind="ping", host=PROVIDER)[-2]
    assert summed["code"] == "ping-sum"
    assert int(summed["params"]["answered"]) >= 2
    assert results_of(lab, kind="trace", host=PROVIDER)[-2]["code"] == "hop-last"


def test_where_nobody_answers_it_is_said(lab: RunningLab):
    assert results_of(lab, kind="stun", host=PROVIDER, port=3999)[-2]["code"] in ("stun-refused", "stun-none")


def test_capture_has_headers_of_the_host_and_leaves_nothing_in_the_kernel(lab: RunningLab):
    job = lab.request("POST", "tests", {"kind": "capture", "host": "192.168.0.66", "seconds": 3})["id"]
    assert until(lambda: "table inet capture" in lab.run("fw", "nft", "list", "tables"), 20)
    with lab.socket("lan", "192.168.0.66") as sender:
        for _ in range(5):
            sender.sendto(b"secret words", (PROVIDER, 7777))
    assert until(lambda: lab.get(f"tests/{job}")["ended"], 20)
    (told,) = lab.get(f"tests/{job}")["items"]
    assert (told["code"], int(told["params"]["packets"]) >= 5) == ("captured", True)
    assert "table inet capture" not in lab.run("fw", "nft", "list", "tables")
