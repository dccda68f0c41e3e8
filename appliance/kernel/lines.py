# SPDX-License-Identifier: GPL-2.0-or-later
"""Lines of the live log: what one is made of, and a logged packet as one. Pure; no octet of a packet breaks it."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from typing_extensions import TypedDict

from appliance.ruleset.deciders import key_of
from sipalg_core.nft.packet_log import Logged

# --- Specification: RFC 791, 8200, 9293 ---

_IPV4_LENGTH, _IPV6_LENGTH = 20, 40
_FRAGMENT: Final = 0x1FFF
_EXTENSIONS: Final = (0, 43, 60)  # hop-by-hop options, routing, destination options
_IPV6_FRAGMENT: Final = 44
_MOST_EXTENSIONS: Final = 8
_FLAGS: Final = ((0x02, "SYN"), (0x10, "ACK"), (0x01, "FIN"), (0x04, "RST"), (0x08, "PSH"))
_PROTOCOLS: Final = {
    socket.IPPROTO_UDP: "udp", socket.IPPROTO_TCP: "tcp", socket.IPPROTO_ICMP: "icmp", socket.IPPROTO_ICMPV6: "icmpv6",
    2: "igmp", 47: "gre", 50: "esp", 132: "sctp",
}  # fmt: skip

SKIPPED: Final = "skipped"


class Line(TypedDict):
    """Everything but `at`, `length` and `count` is text, so that a filter finds it."""

    id: str
    at: float  # Unix seconds
    verdict: str  # accept, drop, reject; SKIPPED: `count` packets that would have been too many lines
    rule: str  # its key in the kernel, `alg:` and the reason where the ALG's table dropped, "" where it is not known
    iif: str
    oif: str  # "" for what was for this device
    protocol: str
    saddr: str
    sport: str
    daddr: str
    dport: str
    flags: str
    length: int
    count: int


def line_of(logged: Logged, line_id: str, iif: str, oif: str) -> Line:
    verdict, _colon, reason = logged.prefix.partition(":")
    rule = f"alg:{reason}" if reason else key_of(logged.mark)
    line = _empty(line_id, logged.at, verdict) | {"rule": rule, "iif": iif, "oif": oif, "count": 1}
    return line | _packet(logged.payload)  # type: ignore[return-value]  # a part of a Line


def skipped_line(line_id: str, at: float, count: int) -> Line:
    return _empty(line_id, at, SKIPPED) | {"count": count}


def _empty(line_id: str, at: float, verdict: str) -> Line:
    return Line(
        id=line_id, at=round(at, 3), verdict=verdict, rule="", iif="", oif="", protocol="", saddr="", sport="",
        daddr="", dport="", flags="", length=0, count=0,
    )  # fmt: skip


def _packet(payload: bytes) -> dict[str, str | int]:
    version = payload[0] >> 4 if payload else 0
    if version == 4 and len(payload) >= _IPV4_LENGTH:
        begin = (payload[0] & 15) * 4
        fragment = int.from_bytes(payload[6:8], "big") & _FRAGMENT
        ends = {"saddr": str(IPv4Address(payload[12:16])), "daddr": str(IPv4Address(payload[16:20]))}
        return (
            ends | {"length": int.from_bytes(payload[2:4], "big")} | _above(payload[9], payload[begin:], fragment > 0)
        )
    if version == 6 and len(payload) >= _IPV6_LENGTH:
        ends = {"saddr": str(IPv6Address(payload[8:24])), "daddr": str(IPv6Address(payload[24:40]))}
        length = int.from_bytes(payload[4:6], "big") + _IPV6_LENGTH
        return ends | {"length": length} | _above(*_behind_extensions(payload[6], payload[_IPV6_LENGTH:]))
    return {"length": len(payload)}


def _behind_extensions(protocol: int, rest: bytes) -> tuple[int, bytes, bool]:
    for _ in range(_MOST_EXTENSIONS):
        if protocol == _IPV6_FRAGMENT and len(rest) >= 8:
            later = int.from_bytes(rest[2:4], "big") & 0xFFF8 > 0
            if later:
                return rest[0], b"", True
            protocol, rest = rest[0], rest[8:]
        elif protocol in _EXTENSIONS and len(rest) >= 8:
            protocol, rest = rest[0], rest[(rest[1] + 1) * 8 :]
        else:
            break
    return protocol, rest, False


def _above(protocol: int, rest: bytes, later_fragment: bool) -> dict[str, str | int]:
    found: dict[str, str | int] = {"protocol": _PROTOCOLS.get(protocol, str(protocol))}
    if later_fragment:
        return found | {"flags": "fragment"}
    if protocol in (socket.IPPROTO_UDP, socket.IPPROTO_TCP) and len(rest) >= 4:
        found |= {"sport": str(int.from_bytes(rest[:2], "big")), "dport": str(int.from_bytes(rest[2:4], "big"))}
    if protocol == socket.IPPROTO_TCP and len(rest) >= 14:
        found["flags"] = " ".join(word for bit, word in _FLAGS if rest[13] & bit)
    if protocol in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6) and len(rest) >= 2:
        found["flags"] = f"type {rest[0]} code {rest[1]}"
    return found
