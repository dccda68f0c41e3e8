# SPDX-License-Identifier: GPL-2.0-or-later
"""How processes speak to the engine (JSON lines) and how the engine speaks to the broker (fixed binary records).

Who listens at one of the two sockets has claimed it first: there is one engine and one broker.

Engine control socket: a request line `{"op": "snapshot", "topic": "calls"}`, `{"op": "reload"}`, `{"op": "ping"}`,
`{"op": "bans"}` or `{"op": "unban", "host": "192.0.2.1"}` is answered by one line: the snapshot, `{"ok": true, …}` or
`{"error": "…"}`. `close` (`pinhole`, its id) closes an opening. Questions about calls are answered by `{"items": […]}`,
rows of contract.events: `call` (`call`, its id: CallPart, without texts), `trace` (`call`: TraceRow), `ledger`
(OpeningRow; with `call`, of one), `closed` (of these the last that closed), `transactions`, `counters`, `ended`
(`after`, Unix seconds: EndedRow).

Broker socket (SOCK_SEQPACKET): each `Request` is one record of REQUEST.size bytes and is answered by one record of
REPLY.size bytes with the same `serial`; the replies to SOCKET and STREAM carry the descriptor as SCM_RIGHTS
ancillary data. OPEN and CLOSE take up to TOGETHER pinholes: as many times REQUEST.size, each with the same operation
and serial. All are opened or none; where none is, `value` says at which place of them the fault is.
One that is `learnt` is opened only beside one that a description asked for, and only if the kernel heard its source.
COUNT and DROPS are answered by a REPLY whose `value` is the number of counters, then by messages of up to
COUNTERS_PER_MESSAGE packed COUNTER records each, until that number is reached; STRAYS likewise with STRAY
records, BANS with BANNED records.
"""

from __future__ import annotations

import errno
import fcntl
import ipaddress
import struct
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Endpoint, Side


class Op(IntEnum):
    OPEN = 1  # put a pinhole into the kernel (or renew it)
    CLOSE = 2  # take it out, with its conntrack entries
    SOCKET = 3  # a transparent UDP socket bound to `mapped`, the wildcard address of a family and a port
    COUNT = 4  # packets per pinhole
    RELOAD = 5  # read the policy file again
    STREAM = 6  # a transparent TCP socket bound to `mapped`; it listens where that is a wildcard address
    DROPS = 7  # packets that the kernel dropped, by reason
    STRAYS = 8  # media that fits no pinhole
    BAN = 9  # hear nothing new from the host of `external` for `lifetime` seconds
    UNBAN = 10
    BANS = 11  # who is banned


DROP_REASONS: Final = (
    "engine-dead",  # signalling, and nobody listens
    "source-rate",  # more signalling than one source may send that no peering names
    "strangers-rate",  # more than all such sources together may send
    "unmapped-in",  # let in by a pinhole whose translation is gone
    "unmapped-out",
    "pinhole-closed",  # media that has lost its pinhole
    "wrong-side",  # signalling for a host that is not translated, by an interface that its sender is not behind
    "banned-source",  # signalling of somebody who had no business here before
    "connections-of-host",  # more TCP connections for SIP than one host may hold
    "connections-of-strangers",  # than all hosts together may that no peering names
    "connections-of-all",  # than all may
    "rule-ended",  # signalling or media of a SIP rule whose time is over
)
"""Why the kernel drops."""
KERNEL_REASONS: Final = (
    *DROP_REASONS,
    "engine-forwarded",  # signalling that was let by, translated as any other traffic, since nobody listens
)
"""All that DROPS counts; the place in this list is the `id` of a reason's counter."""


class Status(IntEnum):
    OK = 0
    REFUSED = 1  # against the contract; `detail` says which rule (P2, P3 …)
    FULL = 2  # the kernel set is full
    FAILED = 3  # the kernel said no; `detail` holds errno


class Pinhole(NamedTuple):
    """One media component's permission: UDP between exactly these endpoints, both ways.

    `external.port` 0 means any port of that host (gate, or a peer not known to be symmetric).
    `mapped` is our own external endpoint, announced in the SDP in place of `internal`.
    """

    id: int
    internal: Endpoint
    mapped: Endpoint
    external: Endpoint
    lifetime: float  # seconds; the kernel ends it earlier than anybody else would if nothing passes
    learnt: bool = False  # `external` is where media was heard from, and no description names it


@dataclass(frozen=True, slots=True)
class Request:
    op: Op
    serial: int
    pinhole: Pinhole
    others: tuple[Pinhole, ...] = ()  # to be opened or closed together with it

    @property
    def pinholes(self) -> tuple[Pinhole, ...]:
        return (self.pinhole, *self.others)


@dataclass(frozen=True, slots=True)
class Reply:
    serial: int
    status: Status
    detail: int = 0  # contract rule number (2 for P2 …) or errno
    value: int = 0

    @property
    def why(self) -> str:
        """For counters: "refused-p6", "failed-EACCES", "full"."""
        word = self.status.name.lower()
        match self.status:
            case Status.REFUSED:
                return f"{word}-p{self.detail}"
            case Status.FAILED:
                return f"{word}-{errno.errorcode.get(self.detail, self.detail)}"
        return word


class Counter(NamedTuple):
    """Packets of a pinhole since it was opened, per direction, as the kernel counted them."""

    id: int
    packets_in: int
    packets_out: int


class Stray(NamedTuple):
    """Packets between two endpoints that fit no pinhole: from outside to a media port of ours, or from an internal
    media host to the external one of its call. Counted since the first; some seconds after the last it is gone.
    """

    side: Side  # where they come from
    source: Endpoint
    destination: Endpoint
    packets: int


class Banned(NamedTuple):
    """A host whose new signalling the kernel drops; `packets` of it so far."""

    host: str
    seconds: float  # until it ends by itself
    packets: int
    told: bool  # by the engine, of what it read; else the kernel saw it try our ports


REQUEST: Final = struct.Struct("!B?xxIQ16sH16sH16sHI")
TOGETHER: Final = 64
REPLY: Final = struct.Struct("!IBxHQ")
COUNTER: Final = struct.Struct("!QQQ")
STRAY: Final = struct.Struct("!?16sH16sHQ")
COUNTERS_PER_MESSAGE: Final = 1000
STRAYS_PER_MESSAGE: Final = 500
BANNED: Final = struct.Struct("!16sIQ?")

SIP_PORT, SIPS_PORT = 5060, 5061  # RFC 3261 §19.1.2
WILDCARD: Final = {4: "0.0.0.0", 6: "::"}  # noqa: S104  # by IP version; transparent sockets listen there
NO_PINHOLE: Final = Pinhole(0, Endpoint("0.0.0.0", 0), Endpoint("0.0.0.0", 0), Endpoint("0.0.0.0", 0), 0)  # noqa: S104


def peer_ports(policy: AlgPolicy) -> frozenset[int]:
    """Where peers expect SIP of us. Encrypted SIP is nobody's to read: it is not taken, whatever a peering names."""
    return frozenset({SIP_PORT}.union(*(peering.ports for peering in policy.peerings)) - {SIPS_PORT})


@lru_cache(4096)
def wildcard(endpoint: Endpoint) -> Endpoint:
    """Where a socket listens that is to take what comes to this endpoint."""
    return Endpoint(WILDCARD[6 if ":" in endpoint.host else 4], endpoint.port)


@lru_cache(4096)
def _pack_host(host: str) -> bytes:
    address = ipaddress.ip_address(host)
    if isinstance(address, ipaddress.IPv4Address):
        return b"\x00" * 10 + b"\xff\xff" + address.packed
    return address.packed


@lru_cache(4096)
def _unpack_host(packed: bytes) -> str:
    address = ipaddress.IPv6Address(packed)
    return str(address.ipv4_mapped or address)


def pack_request(request: Request) -> bytes:
    return b"".join([_pack_pinhole(request.op, request.serial, hole) for hole in request.pinholes])


def _pack_pinhole(op: Op, serial: int, hole: Pinhole) -> bytes:
    return REQUEST.pack(
        op, hole.learnt, serial, hole.id,
        _pack_host(hole.internal.host), hole.internal.port,
        _pack_host(hole.mapped.host), hole.mapped.port,
        _pack_host(hole.external.host), hole.external.port,
        int(hole.lifetime * 1000),
    )  # fmt: skip


def unpack_request(record: bytes) -> Request:
    """Raise ValueError for a record of the wrong size, with an unknown operation, or with several."""
    number, rest = divmod(len(record), REQUEST.size)
    if rest or not 1 <= number <= TOGETHER:
        raise ValueError(f"request of {len(record)} bytes, not of {REQUEST.size}, or 2 to {TOGETHER} times as many")
    found = list(REQUEST.iter_unpack(record))
    op, _, serial = found[0][:3]
    if any((fields[0], fields[2]) != (op, serial) for fields in found):
        raise ValueError("several operations in one record")
    first, *others = (
        Pinhole(
            ident,
            Endpoint(_unpack_host(ihost), iport),
            Endpoint(_unpack_host(mhost), mport),
            Endpoint(_unpack_host(ehost), eport),
            lifetime / 1000,
            learnt,
        )
        for _, learnt, _, ident, ihost, iport, mhost, mport, ehost, eport, lifetime in found
    )
    return Request(Op(op), serial, first, tuple(others))


class AlreadyRunning(OSError):
    """Another process listens at that socket."""


def claim(path: Path) -> TextIO:
    """The right to listen at this path, for as long as the file is open: a killed process leaves no claim.

    Raises AlreadyRunning.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_suffix(".lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise AlreadyRunning(error.errno, f"another process listens at {path}") from error
    return lock


def pack_reply(reply: Reply) -> bytes:
    return REPLY.pack(reply.serial, reply.status, reply.detail, reply.value)


def unpack_reply(record: bytes) -> Reply:
    if len(record) != REPLY.size:
        raise ValueError(f"reply of {len(record)} bytes, not {REPLY.size}")
    serial, status, detail, value = REPLY.unpack(record)
    return Reply(serial, Status(status), detail, value)


def pack_counters(counters: list[Counter]) -> bytes:
    return b"".join(COUNTER.pack(*counter) for counter in counters)


def unpack_counters(record: bytes) -> list[Counter]:
    if len(record) % COUNTER.size:
        raise ValueError(f"counters of {len(record)} bytes, not a multiple of {COUNTER.size}")
    return [Counter(*fields) for fields in COUNTER.iter_unpack(record)]


def pack_strays(strays: list[Stray]) -> bytes:
    return b"".join(
        STRAY.pack(side is Side.EXTERNAL, _pack_host(source.host), source.port, _pack_host(to.host), to.port, packets)
        for side, source, to, packets in strays
    )


def unpack_strays(record: bytes) -> list[Stray]:
    if len(record) % STRAY.size:
        raise ValueError(f"strays of {len(record)} bytes, not a multiple of {STRAY.size}")
    return [
        Stray(
            Side.EXTERNAL if outside else Side.INTERNAL,
            Endpoint(_unpack_host(source), sport), Endpoint(_unpack_host(to), dport), packets,
        )
        for outside, source, sport, to, dport, packets in STRAY.iter_unpack(record)
    ]  # fmt: skip


def pack_bans(bans: list[Banned]) -> bytes:
    return b"".join(BANNED.pack(_pack_host(each.host), int(each.seconds), each.packets, each.told) for each in bans)


def unpack_bans(record: bytes) -> list[Banned]:
    if len(record) % BANNED.size:
        raise ValueError(f"bans of {len(record)} bytes, not a multiple of {BANNED.size}")
    return [Banned(_unpack_host(host), *fields) for host, *fields in BANNED.iter_unpack(record)]
