# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run of a stream's packets says of its quality: loss by sequence numbers, jitter by times. Pure.

The kernel hands over runs of consecutive packets (compile.sampling), of each its first octets: IP, UDP and RTP headers.
What is lost behind us, and how long a packet was under way, cannot be seen here.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from typing_extensions import TypedDict

# --- Specification: RFC 3550 §5.1, RFC 5761 §4, RFC 3551 §6 ---

_RTP: Final = struct.Struct("!BBHII")
_RTCP_TYPES: Final = range(64, 96)  # of the second octet without its marker bit, where both share a port
_CLOCK: Final = 8000
_CLOCKED: Final = frozenset((0, 3, 8, 9, 18))  # PCMU, GSM, PCMA, G722, G729: static types with this clock
_CYCLE: Final = 1 << 16

# --- Implementation constants ---

LONGEST: Final = 8.0  # s; the kernel begins the next run of a stream after ten
_LEAST: Final = 20  # packets, for a figure
_MOST_STREAMS: Final = 512
_FAR: Final = 1000  # sequence numbers: a stream that began anew

Flow = tuple[str, str]
"""Who sends and who receives, each “192.168.0.10:4000” or “[fd00:a::10]:4000”."""


class Header(NamedTuple):
    flow: Flow
    ssrc: int
    sequence: int
    timestamp: int
    payload_type: int


class MediaRun(TypedDict):
    """`expected` less `received` is what was lost before us. `jitter` in ms, None where the clock is not known."""

    at: float
    source: str
    destination: str
    received: int
    expected: int
    jitter: float | None
    payload_type: int


def header_of(payload: bytes) -> Header | None:
    """None for what is no RTP."""
    version = payload[0] >> 4 if payload else 0
    if version == 4 and len(payload) >= 20 and payload[9] == 17:
        begin = (payload[0] & 15) * 4
        ends = str(IPv4Address(payload[12:16])), str(IPv4Address(payload[16:20]))
    elif version == 6 and len(payload) >= 40 and payload[6] == 17:
        begin = 40
        ends = f"[{IPv6Address(payload[8:24])}]", f"[{IPv6Address(payload[24:40])}]"
    else:
        return None
    if len(payload) < begin + 8 + _RTP.size:
        return None
    first, second, sequence, timestamp, ssrc = _RTP.unpack_from(payload, begin + 8)
    kind = second & 0x7F
    if first >> 6 != 2 or kind in _RTCP_TYPES:
        return None
    ports = struct.unpack_from("!HH", payload, begin)
    return Header((f"{ends[0]}:{ports[0]}", f"{ends[1]}:{ports[1]}"), ssrc, sequence, timestamp, kind)


class _Run:
    def __init__(self, header: Header, at: float) -> None:
        self.flow, self.payload_type, self.began = header.flow, header.payload_type, at
        self._seen = {header.sequence}
        self._first = self._last = header.sequence
        self._before, self._transit, self._jitter = header, at, 0.0

    def take(self, header: Header, at: float) -> None:
        """RFC 3550 §6.4.1 and A.8 for the jitter."""
        number = self._last + (header.sequence - self._last + _CYCLE // 2) % _CYCLE - _CYCLE // 2
        self._seen.add(number)
        self._first, self._last = min(self._first, number), max(self._last, number)
        if header.payload_type == self.payload_type:
            step = (header.timestamp - self._before.timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
            late = abs((at - self._transit) - step / _CLOCK)
            self._jitter += (late - self._jitter) / 16
            self._before, self._transit = header, at

    def fits(self, header: Header) -> bool:
        return abs((header.sequence - self._last + _CYCLE // 2) % _CYCLE - _CYCLE // 2) < _FAR

    def told(self) -> MediaRun | None:
        if len(self._seen) < _LEAST:
            return None
        jitter = round(self._jitter * 1000, 2) if self.payload_type in _CLOCKED else None
        return MediaRun(
            at=self.began, source=self.flow[0], destination=self.flow[1], received=len(self._seen),
            expected=self._last - self._first + 1, jitter=jitter, payload_type=self.payload_type,
        )  # fmt: skip


class MediaRuns:
    """Knows no clock and no socket."""

    def __init__(self) -> None:
        self._open: dict[tuple[Flow, int], _Run] = {}

    def take(self, payload: bytes, at: float) -> None:
        header = header_of(payload)
        if header is None:
            return
        key = header.flow, header.ssrc
        run = self._open.get(key)
        if run is not None and run.fits(header):
            run.take(header, at)
        elif len(self._open) < _MOST_STREAMS:
            self._open[key] = _Run(header, at)

    def ended(self, now: float) -> list[MediaRun]:
        over = [key for key, run in self._open.items() if now - run.began > LONGEST]
        told = [self._open.pop(key).told() for key in over]
        return [each for each in told if each is not None]
