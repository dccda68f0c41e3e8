# SPDX-License-Identifier: GPL-2.0-or-later
"""Attacks by numbers, on the wire (hardening 1.4): A43 here; A21–A23, A31 and A33 in test_bans, test_meters, test_tcp.

Scaled: 20,000 bad datagrams in each variant instead of 10⁶.
"""

from __future__ import annotations

import pytest

from tests.lab.wire.attacking import changed_counters
from tests.lab.wire.messages import answer, sdp
from tests.lab.wire.rig import Wire, until

pytestmark = pytest.mark.lab

FLOOD = 20_000
MOST_LINES = 100


def test_a43_a_flood_of_faults_writes_some_lines(wire: Wire):
    """Bad messages of a phone, and calls while the broker is away: every one is counted, few are written."""
    alg = wire.alg
    written = (alg.rig.log, alg.engine.log)
    before, counters = sum(len(log.read_bytes().splitlines()) for log in written), alg.counters()
    if wire.transport == "udp":
        for number in range(FLOOD):
            wire.a.send(b"INVITE nonsense\r\n\r\n", wire.b.at)
            if not number % 500:
                alg.counters()  # it keeps up
        assert until(lambda: changed_counters(alg, counters).get("dropped:not-sip", 0) >= FLOOD * 0.9, 20)
    wire.cross(wire.a, wire.request(wire.a, wire.dialog(wire.a), "OPTIONS"), wire.b, wire.b.at)  # a connection stands
    alg.rig.stop()
    try:
        for _ in range(50):
            call = wire.call()
            call.begin(sdp(wire.at("a").host, 14000))
            wire.b.send(answer(call.invite, 183, tag="b", body=sdp(wire.at("m").host, 7000)))
            assert wire.a.silent(0.01)
    finally:
        alg.rig.start()
    lines = sum(len(log.read_bytes().splitlines()) for log in written) - before
    assert 0 < lines <= MOST_LINES
