# SPDX-License-Identifier: GPL-2.0-or-later
"""First packets of connections of any protocol, made by hand: a marked text in each, and where it arrives."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from ipaddress import ip_address
from typing import Final, NamedTuple

from tests.lab.kernel_rig import within

MARK: Final = b"marked: "
FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
ICMP: Final = {4: (8, 13), 6: (128, 139)}
"""Of each family: what begins something for conntrack, an echo request and another question."""
PORTLESS: Final = {4: (50, 47, 253, 51), 6: (50, 47, 253)}
"""ESP, GRE, one for experiments and, over IPv4, AH: between two hosts all such packets are one connection."""
NUMBERS: Final = {4: (6, 1, 132, *PORTLESS[4]), 6: (6, 58, 132, 51, *PORTLESS[6])}
IN_FRONT: Final = {"hop-by-hop": 0, "fragment": 44, "authentication": 51, "destination": 60}
"""What IPv6 puts in front of a protocol (RFC 8200 §4, RFC 4302), by its number."""
SPORT: Final = 40_000


class Arrived(NamedTuple):
    namespace: str
    dport: int | None
    saddr: str


def numbers(protocol: str | int, version: int) -> int:
    """IANA's, of a word of ours."""
    return {"tcp": 6, "icmp": 1 if version == 4 else 58}.get(protocol, protocol)  # type: ignore[arg-type,return-value]


def packet(protocol: str | int, source: str, target: str, dport: int, text: str) -> bytes:
    """All behind the IP header. `dport` of ICMP is the type."""
    body = MARK + text.encode()
    if protocol == "tcp":
        bare = struct.pack("!HHIIBBHHH", SPORT, dport, 1, 0, 5 << 4, 2, 1024, 0, 0) + body  # SYN
        return bare[:16] + struct.pack("!H", _checksum(_pseudo(source, target, 6, len(bare)) + bare)) + bare[18:]
    if protocol == "icmp":
        bare = struct.pack("!BBHHH12x", dport, 0, 0, _ident(text), 1) + body
        pseudo = _pseudo(source, target, 58, len(bare)) if ":" in source else b""
        return bare[:2] + struct.pack("!H", _checksum(pseudo + bare)) + bare[4:]
    if protocol == 132:
        parameter = struct.pack("!HH", 0xC001, 4 + len(body)) + body  # to be skipped by who does not know it
        length = 20 + len(parameter)
        init = struct.pack("!BBHIIHHI", 1, 0, length, 1, 65536, 1, 1, 1) + parameter + bytes(-length % 4)
        bare = struct.pack("!HHII", SPORT, dport, 0, 0) + init
        return bare[:8] + struct.pack("<I", _crc32c(bare)) + bare[12:]
    return {50: struct.pack("!II", 0x1000, 1), 47: struct.pack("!HH", 0, 0x0800)}.get(protocol, b"") + body  # type: ignore[call-overload,no-any-return]


class RawWire:
    """A raw socket for each protocol in each namespace: it hears what gets past the ruleset, whoever else does."""

    def __init__(self, stack: ExitStack, namespaces: Iterable[str], sources: dict[str, str]) -> None:
        self._heard = {
            (namespace, version, number): self._socket(stack, namespace, version, number)
            for namespace in namespaces
            for version in FAMILIES
            for number in NUMBERS[version]
        }
        self._senders = {}
        for source, namespace in sources.items():
            version = ip_address(source).version
            for number in NUMBERS[version]:
                made = self._socket(stack, namespace, version, number)
                made.bind((source, 0))
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)  # it only sends
                self._senders[source, number] = made

        self._whole = {
            source: self._socket(stack, namespace, 6, socket.IPPROTO_RAW)
            for source, namespace in sources.items()
            if ":" in source
        }

    def _socket(self, stack: ExitStack, namespace: str, version: int, number: int) -> socket.socket:
        made = within(namespace, lambda: socket.socket(FAMILIES[version], socket.SOCK_RAW, number))
        made.setblocking(False)
        return stack.enter_context(made)

    def send(self, protocol: str | int, source: str, target: str, dport: int, text: str) -> None:
        number = numbers(protocol, ip_address(source).version)
        with contextlib.suppress(OSError):  # the answer of a reject
            self._senders[source, number].sendto(packet(protocol, source, target, dport, text), (target, 0))

    def send_behind(self, header: str, source: str, target: str, dport: int, text: str) -> None:
        with contextlib.suppress(OSError):
            self._whole[source].sendto(behind(header, source, target, dport, text), (target, 0))

    def heard(self) -> dict[str, Arrived]:
        """By text."""
        return {text: arrived for key, each in self._heard.items() for text, arrived in _read(each, *key)}


def _read(heard: socket.socket, namespace: str, version: int, number: int) -> Iterator[tuple[str, Arrived]]:
    while True:
        try:
            data, peer = heard.recvfrom(2048)
        except BlockingIOError:
            return
        body = data[(data[0] & 15) * 4 :] if version == 4 else data
        found = body.find(MARK)
        if found < 0 or (number in (1, 58) and body[0] not in ICMP[version]):
            continue  # an answer, or an error that quotes what was sent
        dport = int.from_bytes(body[2:4], "big") if number == 6 else None
        yield body[found + len(MARK) :].rstrip(b"\0").decode(), Arrived(namespace, dport, peer[0])


def _ident(text: str) -> int:
    """Another one for each question: they are told apart by it."""
    return _crc32c(text.encode()) & 0xFFFF


def _pseudo(source: str, target: str, number: int, length: int) -> bytes:
    """RFC 9293 §3.1, RFC 8200 §8.1; the order of its fields makes no difference to the sum."""
    return ip_address(source).packed + ip_address(target).packed + struct.pack("!IHH", length, 0, number)


def behind(header: str, source: str, target: str, dport: int, text: str) -> bytes:
    """A whole IPv6 packet: UDP behind this header. A port of its own for each, so that each begins a connection.

    What a host takes off before it looks for the port's socket is heard there, by the bare text; AH by who hears that.
    """
    number = IN_FRONT[header]
    body = (MARK if number == 51 else b"") + text.encode()
    bare = struct.pack("!HHHH", SPORT + number, dport, 8 + len(body), 0) + body
    udp = bare[:6] + struct.pack("!H", _checksum(_pseudo(source, target, 17, len(bare)) + bare) or 0xFFFF) + bare[8:]
    front = {
        44: struct.pack("!BBHI", 17, 0, 0, _crc32c(body)),  # an atomic fragment (RFC 6946)
        51: struct.pack("!BBHIII", 17, 2, 0, 0x1000, 1, 0),
    }.get(number, struct.pack("!BBBB4x", 17, 0, 1, 4))  # PadN
    packed = ip_address(source).packed + ip_address(target).packed
    return struct.pack("!IHBB", 6 << 28, len(front) + len(udp), number, 64) + packed + front + udp


def _checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data + bytes(len(data) % 2)) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


_TABLE: Final = []
for _index in range(256):
    _value = _index
    for _bit in range(8):
        _value = _value >> 1 ^ 0x82F63B78 * (_value & 1)
    _TABLE.append(_value)


def _crc32c(data: bytes) -> int:
    """RFC 9260 appendix A."""
    value = 0xFFFFFFFF
    for octet in data:
        value = value >> 8 ^ _TABLE[(value ^ octet) & 0xFF]
    return value ^ 0xFFFFFFFF
