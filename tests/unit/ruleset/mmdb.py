# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the least of a MaxMind DB (spec 2.0): a tree of 24-bit records over string and map values."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

MARKER = b"\xab\xcd\xefMaxMind.com"


def encode(value: Any) -> bytes:
    match value:
        case str():
            return bytes([2 << 5 | len(value.encode())]) + value.encode()
        case int():
            octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
            if len(octets) > 4:
                return bytes([len(octets), 9 - 7]) + octets
            return bytes([6 << 5 | len(octets)]) + octets
        case dict():
            pairs = b"".join(encode(key) + encode(each) for key, each in value.items())
            return bytes([7 << 5 | len(value)]) + pairs
        case list():
            return bytes([len(value), 11 - 7]) + b"".join(map(encode, value))
    raise TypeError(value)


def write(rows: dict[str, Any], *, ip_version: int = 6, build_epoch: int = 1_780_000_000) -> bytes:
    """`rows` are records by network; IPv4 stands below ::/96."""
    nodes: list[list[int | None]] = [[None, None]]
    data, places = b"", []
    for text, record in rows.items():
        network = ip_network(text)
        bits, length = 128 if ip_version == 6 else 32, network.prefixlen + (96 if ip_version == 6 and
                                                                            network.version == 4 else 0)  # fmt: skip
        number, node = int(network.network_address), 0
        for depth in range(length):
            bit = number >> (bits - 1 - depth) & 1
            if depth == length - 1:
                nodes[node][bit] = -1 - len(places)
                places.append(len(data))
                data += encode(record)
            else:
                following = nodes[node][bit]
                if following is None:
                    nodes.append([None, None])
                    following = nodes[node][bit] = len(nodes) - 1
                node = following
    count = len(nodes)
    pointers = [
        count if each is None else each if each >= 0 else count + 16 + places[-1 - each]
        for node in nodes
        for each in node
    ]
    metadata = {
        "node_count": count, "record_size": 24, "ip_version": ip_version, "database_type": "test", "languages": ["en"],
        "binary_format_major_version": 2, "binary_format_minor_version": 0, "build_epoch": build_epoch,
        "description": {"en": "test"},
    }  # fmt: skip
    return b"".join(each.to_bytes(3, "big") for each in pointers) + bytes(16) + data + MARKER + encode(metadata)
