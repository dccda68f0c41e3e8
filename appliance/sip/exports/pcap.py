# SPDX-License-Identifier: GPL-2.0-or-later
"""The messages of a call as a capture file (libpcap's classic format, raw IP): both legs, with the wire's addresses.

The packets are made anew from the messages that the engine kept: identifiers, lifetimes and TCP's numbers are ours.
"""

from __future__ import annotations

import ipaddress
import struct
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from sipalg_core.contract.events import TraceRow

# --- Specification: pcap-savefile(5); RFC 768, 791, 8200, 9293 ---
MAGIC: Final = 0xA1B2C3D4  # microseconds
LINKTYPE_RAW: Final = 101
SNAP_LENGTH: Final = 262_144
UDP: Final = 17
TCP: Final = 6
_PUSH_AND_ACK: Final = 0x18
_TIME_TO_LIVE: Final = 64
LEG_DELAY: Final = 1e-6  # seconds between the two legs of a message, so that they keep their order


def capture(messages: Iterable[TraceRow]) -> bytes:
    header = struct.pack("!IHHiIII", MAGIC, 2, 4, 0, 0, SNAP_LENGTH, LINKTYPE_RAW)
    return header + b"".join(_record(t, packet) for t, packet in _packets(messages))


def _packets(messages: Iterable[TraceRow]) -> Iterator[tuple[float, bytes]]:
    sent: defaultdict[tuple[str, str], int] = defaultdict(int)  # octets of each direction of a TCP connection
    for message in messages:
        legs = [(message["source"], message["destination"], message["before"])]
        if message["sent_to"]:
            went_on = message["after"] if message["applied"] else message["before"]
            legs.append((message["sent_from"], message["sent_to"], went_on))
        for number, (source, destination, text) in enumerate(legs):
            data = text.encode()
            if message["transport"] == "tcp":
                segment = _tcp(source, destination, data, sent)
                yield message["t"] + number * LEG_DELAY, _ip(source, destination, TCP, 16, segment)
            else:
                datagram = _ports(source, destination) + struct.pack("!HH", 8 + len(data), 0) + data
                yield message["t"] + number * LEG_DELAY, _ip(source, destination, UDP, 6, datagram)


def _record(t: float, packet: bytes) -> bytes:
    seconds, micros = divmod(round(t * 1_000_000), 1_000_000)
    return struct.pack("!IIII", seconds, micros, len(packet), len(packet)) + packet


def _tcp(source: str, destination: str, data: bytes, sent: defaultdict[tuple[str, str], int]) -> bytes:
    numbers = struct.pack("!II", sent[source, destination] & 0xFFFFFFFF, sent[destination, source] & 0xFFFFFFFF)
    sent[source, destination] += len(data)
    return _ports(source, destination) + numbers + struct.pack("!BBHHH", 5 << 4, _PUSH_AND_ACK, 65_535, 0, 0) + data


def _ip(source: str, destination: str, protocol: int, checksum_at: int, segment: bytes) -> bytes:
    """The packet around a segment, whose checksum is put in here: it covers the addresses."""
    ends = _address(source), _address(destination)
    pseudo = ends[0].packed + ends[1].packed + struct.pack("!II", len(segment), protocol)
    checksum = struct.pack("!H", _checksum(pseudo + segment) or 0xFFFF)
    segment = segment[:checksum_at] + checksum + segment[checksum_at + 2 :]
    if ends[0].version == 6:
        head = struct.pack("!IHBB", 6 << 28, len(segment), protocol, _TIME_TO_LIVE)
        return head + ends[0].packed + ends[1].packed + segment
    fields = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(segment), 0, 0, _TIME_TO_LIVE, protocol)
    addresses = ends[0].packed + ends[1].packed
    return fields + struct.pack("!H", _checksum(fields + b"\0\0" + addresses)) + addresses + segment


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _address(endpoint: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(endpoint.rpartition(":")[0].strip("[]"))


def _ports(source: str, destination: str) -> bytes:
    return struct.pack("!HH", int(source.rpartition(":")[2]), int(destination.rpartition(":")[2]))
