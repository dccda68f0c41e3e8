# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's connections as values: read all of them, delete some of them. Runs in netadmin only. Knows no policy."""

from __future__ import annotations

import errno
import ipaddress
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from sipalg_core.contract import names
from sipalg_core.net import Endpoint
from sipalg_core.nft.netlink import DumpInterrupted, Message, NetlinkSocket, attributes, nested

# --- Specification: linux/netfilter/nfnetlink_conntrack.h, nf_conntrack_common.h, nf_conntrack_tcp.h ---

_SUBSYSTEM: Final = 1
_GET: Final = _SUBSYSTEM << 8 | 1
_DELETE: Final = _SUBSYSTEM << 8 | 2
_ORIGINAL, _REPLY, _STATUS, _PROTOCOL_STATE, _HELP, _TIMEOUT, _MARK = 1, 2, 3, 4, 5, 7, 8
_COUNT_OUT, _COUNT_BACK, _ID, _LABELS = 9, 10, 12, 22
_HELP_NAME: Final = 1
_TUPLE_HOSTS, _TUPLE_PROTOCOL = 1, 2
_SOURCES: Final = (1, 3)
_DESTINATIONS: Final = (2, 4)
_NUMBER, _SPORT, _DPORT = 1, 2, 3
_ASSURED: Final = 1 << 2
_TCP_STATES: Final = (
    "none", "syn_sent", "syn_recv", "established", "fin_wait", "close_wait", "last_ack", "time_wait", "close",
    "syn_sent2",
)  # fmt: skip
_PROTOCOLS: Final = {
    socket.IPPROTO_TCP: "tcp", socket.IPPROTO_UDP: "udp", socket.IPPROTO_ICMP: "icmp", socket.IPPROTO_ICMPV6: "icmp",
}  # fmt: skip
_WORD: Final = struct.Struct("!I")
_LONG: Final = struct.Struct("!Q")

Host = ipaddress.IPv4Address | ipaddress.IPv6Address


class Way(NamedTuple):
    """One direction's packets; ports are 0 where the protocol has none."""

    source: Host
    sport: int
    destination: Host
    dport: int


@dataclass(frozen=True, slots=True)
class Connection:
    """`reply` is how the answers come, and so shows what was translated: `reply.source` is who really gets it."""

    id: int
    protocol: str  # "tcp", "udp", "icmp", or the number of another
    sent: Way
    reply: Way
    mark: int
    state: str  # TCP's, else "assured" or ""
    timeout: int  # seconds
    packets: int | None  # None where the kernel does not count
    _original: bytes = field(repr=False)
    helper: str = ""  # of the kernel's own, which reads along: "sip"

    @property
    def of_call(self) -> bool:
        """Media that the ALG let in."""
        return bool(self.mark & names.MARK_ACCEPT)

    @property
    def in_words(self) -> str:
        """`udp 192.168.0.2:5060 → 203.0.113.1:5060`."""
        source, destination = _at(self.sent.source, self.sent.sport), _at(self.sent.destination, self.sent.dport)
        return f"{self.protocol} {source} → {destination}"

    @property
    def hosts(self) -> tuple[Host, ...]:
        return (self.sent.source, self.sent.destination, self.reply.source, self.reply.destination)


def _at(host: Host, port: int) -> str:
    return str(Endpoint(str(host), port)) if port else str(host)


class ConnectionTable:
    """Of the network namespace in which it was made."""

    def __init__(self) -> None:
        self._netlink = NetlinkSocket()

    def close(self) -> None:
        self._netlink.close()

    def all(self) -> list[Connection]:
        return [_connection(payload) for payload in self._dump()]

    def delete(self, connections: Iterable[Connection]) -> int:
        """How many of them were still there. One that took the place of another meanwhile stays."""
        deleted = 0
        for each in connections:
            ident = struct.pack("=HH", 8, _ID) + _WORD.pack(each.id)
            family = socket.AF_INET6 if each.sent.source.version == 6 else socket.AF_INET
            original = nested(_ORIGINAL, each._original)  # its own module
            code = self._netlink.request(Message(_DELETE, 0, family, original + ident))
            if code not in (0, errno.ENOENT):
                raise OSError(code, errno.errorcode.get(code, str(code)))
            deleted += not code
        return deleted

    def _dump(self) -> list[bytes]:
        request = Message(_GET, 0, socket.AF_UNSPEC, b"")
        for _ in range(3):
            try:
                return self._netlink.dump(request)
            except DumpInterrupted:
                continue  # the table grew while it was read
        return self._interrupted(request)

    def _interrupted(self, request: Message) -> list[bytes]:
        """What can be had of a table that never stands still; the gaps are among connections that just began."""
        found: list[bytes] = []
        try:
            for payloads in self._netlink.stream(request):
                found += payloads
        except DumpInterrupted:
            return found
        return found


def _connection(payload: bytes) -> Connection:
    parts = dict(attributes(payload))
    number, sent = _way(parts[_ORIGINAL])
    _number, reply = _way(parts[_REPLY])
    counted = [dict(attributes(parts[kind])) for kind in (_COUNT_OUT, _COUNT_BACK) if kind in parts]
    return Connection(
        id=_word(parts, _ID),
        protocol=_PROTOCOLS.get(number, str(number)) if not _is_authenticated(parts) else str(socket.IPPROTO_AH),
        sent=sent,
        reply=reply,
        mark=_word(parts, _MARK),
        state=_state(parts),
        timeout=_word(parts, _TIMEOUT),
        packets=sum(_LONG.unpack(each[1])[0] for each in counted) if counted else None,
        _original=parts[_ORIGINAL],
        helper=_helper(parts),
    )


def _way(value: bytes) -> tuple[int, Way]:
    parts = dict(attributes(value))
    hosts = dict(attributes(parts[_TUPLE_HOSTS]))
    protocol = dict(attributes(parts[_TUPLE_PROTOCOL]))
    source, destination = (next(hosts[kind] for kind in kinds if kind in hosts) for kinds in (_SOURCES, _DESTINATIONS))
    sport, dport = (int.from_bytes(protocol.get(kind, b""), "big") for kind in (_SPORT, _DPORT))
    return protocol[_NUMBER][0], Way(ipaddress.ip_address(source), sport, ipaddress.ip_address(destination), dport)


def _word(parts: dict[int, bytes], kind: int) -> int:
    return int(_WORD.unpack(parts[kind])[0]) if kind in parts else 0


def _is_authenticated(parts: dict[int, bytes]) -> bool:
    """Whether an authentication header stands in front of what conntrack tells (IPv6)."""
    return bool(int.from_bytes(parts.get(_LABELS, b""), "little") >> names.LABEL_AUTHENTICATED & 1)


def _helper(parts: dict[int, bytes]) -> str:
    name = dict(attributes(parts[_HELP])).get(_HELP_NAME, b"") if _HELP in parts else b""
    return name.rstrip(b"\0").decode("ascii", "replace")


def _state(parts: dict[int, bytes]) -> str:
    for _kind, value in attributes(parts[_PROTOCOL_STATE]) if _PROTOCOL_STATE in parts else ():
        state = dict(attributes(value)).get(1)
        if state and state[0] < len(_TCP_STATES):
            return _TCP_STATES[state[0]]
    return "assured" if _word(parts, _STATUS) & _ASSURED else ""
