# SPDX-License-Identifier: GPL-2.0-or-later
"""Loss and jitter of a run of RTP headers, whatever their order; what is no RTP is no figure."""

import random
import struct
from ipaddress import ip_address

import pytest

from appliance.kernel.media_runs import LONGEST, MediaRuns, header_of

ENDS = ("203.0.113.99", "192.168.0.10"), ("2001:db8:a::99", "fd00:a::10")


def packet(sequence, timestamp=None, *, payload_type=0, ssrc=7, ends=ENDS[0], first=0x80):
    stamp = sequence * 160 if timestamp is None else timestamp
    rtp = struct.pack("!BBHII", first, payload_type, sequence % 65536, stamp % (1 << 32), ssrc)
    udp = struct.pack("!HHHH", 7000, 4000, 180, 0) + rtp
    source, destination = map(ip_address, ends)
    if source.version == 6:
        return struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + source.packed + destination.packed + udp
    head = struct.pack("!BBHHHBBH", 0x45, 0, 200, 1, 0, 64, 17, 0)
    return head + source.packed + destination.packed + udp


def measured(packets):
    """`packets` are (payload, time)."""
    runs = MediaRuns()
    for payload, at in packets:
        runs.take(payload, at)
    assert runs.ended(packets[0][1] + LONGEST) == []
    (run,) = runs.ended(packets[0][1] + LONGEST + 1)
    return run


@pytest.mark.parametrize("ends", ENDS)
@pytest.mark.parametrize("begin", [0, 65500])
def test_even_stream_has_neither_loss_nor_jitter(ends, begin):
    run = measured([(packet(begin + n, ends=ends), 100 + n * 0.02) for n in range(100)])
    assert (run["received"], run["expected"], run["payload_type"]) == (100, 100, 0)
    assert run["jitter"] == pytest.approx(0, abs=0.01)
    assert "203.0.113.99:7000" in run["source"] or run["source"] == "[2001:db8:a::99]:7000"


@pytest.mark.parametrize("begin", [0, 65490])
def test_gaps_are_loss_and_reordered_or_doubled_packets_are_not(begin):
    numbers = [n for n in range(100) if n not in (10, 11, 50, 97)]
    numbers[20], numbers[21] = numbers[21], numbers[20]
    run = measured([(packet(begin + n), 100 + n * 0.02) for n in [*numbers, 99, 98]])
    assert (run["received"], run["expected"]) == (96, 100)


def test_jitter_is_that_of_rfc_3550():
    """Alternately 5 ms late: each difference is 5 ms, and the filter goes there."""
    run = measured([(packet(n), 100 + n * 0.02 + (n % 2) * 0.005) for n in range(100)])
    assert run["jitter"] == pytest.approx(5.0, abs=0.1)


def test_jitter_needs_a_clock_that_is_known():
    assert measured([(packet(n, payload_type=111), 100 + n * 0.02) for n in range(50)])["jitter"] is None


def test_few_packets_make_no_figure_and_a_leap_begins_anew():
    runs = MediaRuns()
    for n in range(19):
        runs.take(packet(n), 100.0)
    for n in range(30):
        runs.take(packet(30_000 + n, ssrc=8), 100.0)
        runs.take(packet(20_000 + n), 100.0)  # a leap is no loss
    assert [(run["received"], run["expected"]) for run in runs.ended(200.0)] == [(30, 30)] * 2


@pytest.mark.parametrize(
    "payload",
    [b"", packet(1, first=0x40), packet(1, payload_type=72), packet(1)[:39], packet(1)[:9] + b"\x06" + packet(1)[10:]],
)
def test_what_is_no_rtp_is_left_alone(payload):
    assert header_of(payload) is None


def test_any_octets_are_read():
    octets = random.Random(11)
    runs = MediaRuns()
    for _ in range(3000):
        runs.take(octets.randbytes(octets.randrange(70)), 1.0)
    for payload in (packet(1), packet(1, ends=ENDS[1])):
        for end in range(len(payload)):
            runs.take(payload[:end], 1.0)
    assert runs.ended(100.0) == []
