# SPDX-License-Identifier: GPL-2.0-or-later
"""Headers of media from the kernel: a run of each stream, what is missing in it is loss; and a real call's figures."""

from __future__ import annotations

import socket
import struct
import time
from collections import Counter

import pytest

from appliance.kernel.media_runs import LONGEST, MediaRuns
from appliance.ruleset.compile import compile_nft
from appliance.ruleset.policy import Policy
from sipalg_core.contract import names
from sipalg_core.nft.packet_log import PacketLog
from tests.lab.kernel_rig import run, within
from tests.lab.ruleset_rig import BOX, HOST, INTERFACES, LAN, PEER, namespaces
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

SENT, LOST = 300, {7, 8, 40}


def rtp(sequence: int) -> bytes:
    return struct.pack("!BBHII", 0x80, 0, sequence, sequence * 160, 7) + bytes(160)


def test_kernel_hands_over_the_first_hundred_packets_of_a_stream_and_gaps_are_loss():
    with namespaces() as wire:
        wire.kernel.apply(compile_nft(Policy(1, "local", interfaces=INTERFACES)))
        run("nft", "add table inet other", namespace=BOX)
        run("nft", "add chain inet other pre { type filter hook prerouting priority -150 ; }", namespace=BOX)
        run("nft", f"add rule inet other pre udp dport 7000 meta mark set {names.MARK_ACCEPT}", namespace=BOX)
        log = wire.inside(PacketLog, names.MEDIA_GROUP, 60)

        def send() -> None:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
                phone.bind((HOST, 4000))
                for number in range(SENT):
                    if number not in LOST:
                        phone.sendto(rtp(number), (PEER, 7000))

        within(LAN, send)
        runs, heard = MediaRuns(), 0
        while found := wire.inside(log.read, 0.5):
            heard += len(found)
            for each in found:
                runs.take(each.payload, each.at)
        log.close()
        (told,) = runs.ended(time.time() + LONGEST + 1)
        assert heard < SENT / 2
        assert (told["source"], told["destination"]) == (f"{HOST}:4000", f"{PEER}:7000")
        assert told["expected"] - told["received"] == len(LOST)


def test_call_has_figures_of_both_directions_without_loss(lab: RunningLab):
    def packets() -> Counter[str]:
        """Of all hours, since one may begin while we look."""
        found: Counter[str] = Counter()
        for each in lab.get("quality")["items"]:
            found[each["direction"]] += each["packets"]
        return found

    before = packets()
    with lab.place_call() as call:
        row = until(lambda: (row := lab.call_row(call)) and row["audio_in"]["packets"] > 150 and row, 20)
        assert row
    grown = until(lambda: {way for way, many in packets().items() if many > before[way]} == {"in", "out"}, 60)
    assert grown, packets()
    own = lab.get(f"calls/{row['id']}")["measured"]
    assert {way: each["lost"] for way, each in own.items()} == {"in": 0, "out": 0}
