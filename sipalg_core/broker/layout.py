# SPDX-License-Identifier: GPL-2.0-or-later
"""The named objects of the table `inet sipalg`, for both address families, and the elements of one pinhole."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal, NamedTuple

from sipalg_core.contract.control import Pinhole
from sipalg_core.contract.names import SIPALG_TABLE
from sipalg_core.net import Transport
from sipalg_core.nft.elements import Element, pack
from sipalg_core.nft.ruleset import Chain, NamedCounter, Set, Table

# --- Implementation constants ---

MAXIMUM_PINHOLES: Final = 20_000
"""In one family: all of the default port range in use, both components, each known by two pinholes (gate and exact)."""

HITS_PER_PACKET: Final = 2
"""An element counts when the rule looks it up and again when it updates it (measured: tests/lab/test_media_path.py)."""

SOURCE_MEMORY: Final = 60.0  # seconds
STRAY_MEMORY: Final = 10.0  # seconds after the last packet
_MAXIMUM_SOURCES: Final = 65_535
_MAXIMUM_STRAYS: Final = 1024
"""Of one side and family. A flood fills the set: then a stray may be missed, and nothing else happens."""
BAN: Final = 3600.0  # seconds, where nobody says how long
MAXIMUM_BANNED: Final = 16_384
"""In one family. Whoever comes when they are so many is treated as he would be without bans."""

TABLE: Final = Table(SIPALG_TABLE)
LAYOUT: Final = Chain(TABLE, "layout_4")
"""An empty chain whose name says which layout the table has: another layout's table is replaced, pinholes and all."""


STREAMS: Final = Set(TABLE, "sip_streams_all", ("inet_proto",), flags=("dynamic",), size=1)
STRANGERS_STREAMS: Final = Set(TABLE, "sip_streams_strangers", ("inet_proto",), flags=("dynamic",), size=1)
"""One element each, whose key is TCP: the connections of all, and of all that no peering names singly."""


def counter_of(reason: str) -> NamedCounter:
    return NamedCounter(TABLE, reason.replace("-", "_"))


class Direction(NamedTuple):
    """Pinhole sets of one direction: for one port of the external host, and for any port of it."""

    exact: Set
    any_port: Set


@dataclass(frozen=True)
class Family:
    """All named objects of one address family; made once, since every pinhole asks for them."""

    word: Literal["ip", "ip6"]
    address: Literal["ipv4_addr", "ipv6_addr"]
    loopback: IPv4Address | IPv6Address

    @cached_property
    def version(self) -> int:
        return self.loopback.version

    def selectors(self, *words: str, transport: Transport = Transport.UDP) -> tuple[str, ...]:
        return tuple(f"{self.word} {each}" if each.endswith("addr") else f"{transport} {each}" for each in words)

    def _set(self, name: str, *words: str, data: tuple[str, ...] = (), interval: bool = False) -> Set:
        types = tuple(self.address if each.endswith("addr") else "inet_service" for each in words)
        return Set(TABLE, f"{name}_{self.word}", types, data, ("interval",) if interval else ())

    def _ending(self, name: str, *words: str) -> Set:
        """Intervals of which some may have an end."""
        plain = self._set(name, *words)
        return Set(TABLE, plain.name, plain.type, flags=("interval", "timeout"))

    def _strays(self, name: str) -> Set:
        plain = self._set(name, "saddr", "sport", "daddr", "dport")
        return Set(
            TABLE, plain.name, plain.type, flags=("dynamic", "timeout"), timeout=STRAY_MEMORY, size=_MAXIMUM_STRAYS,
            counter=True,
        )  # fmt: skip

    def _pinholes(self, name: str, *words: str) -> Set:
        plain = self._set(name, *words)
        return Set(
            TABLE, plain.name, plain.type, flags=("dynamic", "timeout"), timeout=60, size=MAXIMUM_PINHOLES, counter=True
        )

    @cached_property
    def peers(self) -> Set:
        """Who may speak SIP outwards: internal host . provider . port."""
        return self._ending("sip_peers", "saddr", "daddr", "dport")

    @cached_property
    def providers(self) -> Set:
        """Who may speak SIP inwards: provider . our own address . port."""
        return self._ending("sip_providers", "saddr", "daddr", "dport")

    @cached_property
    def phones(self) -> Set:
        """Internal hosts that a SIP rule names, for as long as one does."""
        return self._ending("sip_phones", "saddr")

    @cached_property
    def exempt(self) -> Set:
        """Servers whose SIP is not intercepted; the kernel ends an exemption, and interception is back by itself."""
        return self._ending("sip_exempt", "saddr")

    @cached_property
    def insiders(self) -> Set:
        """Who may speak SIP to a telephone from another internal network: server . telephone . port."""
        return self._ending("sip_insiders", "saddr", "daddr", "dport")

    @cached_property
    def pairs_out(self) -> Set:
        """Internal host . provider, whatever the ports: for sockets that are bound to one address."""
        return self._ending("sip_pairs_out", "saddr", "daddr")

    @cached_property
    def pairs_in(self) -> Set:
        """Provider . internal host that keeps its own address."""
        return self._ending("sip_pairs_in", "saddr", "daddr")

    @cached_property
    def pairs_inside(self) -> Set:
        """The same, of servers behind an internal interface."""
        return self._ending("sip_pairs_inside", "saddr", "daddr")

    @cached_property
    def known(self) -> Set:
        """Hosts that a peering names as such, on either side."""
        return self._set("sip_known", "saddr")

    @cached_property
    def sources(self) -> Set:
        """All others that are speaking SIP, with the rate of each."""
        return self._noted("sip_sources", SOURCE_MEMORY, _MAXIMUM_SOURCES)

    def _noted(self, name: str, timeout: float, size: int, *, counter: bool = False) -> Set:
        """Hosts, noted by rules and by us, for so many seconds."""
        plain = self._set(name, "saddr")
        return Set(
            TABLE, plain.name, plain.type, flags=("dynamic", "timeout"), timeout=timeout, size=size, counter=counter
        )

    @cached_property
    def banned(self) -> Set:
        return self._noted("sip_banned", BAN, MAXIMUM_BANNED, counter=True)

    @cached_property
    def knocking(self) -> Set:
        """Hosts that nobody knows and that try our signalling ports, with the rate of each."""
        return self._noted("sip_knocking", SOURCE_MEMORY, _MAXIMUM_SOURCES)

    @cached_property
    def streams(self) -> Set:
        """Hosts with the TCP connections that each has to us."""
        plain = self._set("sip_streams", "saddr")
        return Set(TABLE, plain.name, plain.type, flags=("dynamic",), size=_MAXIMUM_SOURCES)

    @cached_property
    def strangers(self) -> Chain:
        return Chain(TABLE, f"signalling_strangers_{self.word}")

    @cached_property
    def new_streams(self) -> Chain:
        return Chain(TABLE, f"signalling_streams_{self.word}")

    @cached_property
    def inbound(self) -> Direction:
        return Direction(
            self._pinholes("pinholes_in", "saddr", "sport", "daddr", "dport"),
            self._pinholes("pinholes_in_any", "saddr", "daddr", "dport"),
        )

    @cached_property
    def outbound(self) -> Direction:
        return Direction(
            self._pinholes("pinholes_out", "saddr", "sport", "daddr", "dport"),
            self._pinholes("pinholes_out_any", "saddr", "sport", "daddr"),
        )

    @cached_property
    def dnat(self) -> Set:
        """Mapped → internal. No timeout: a translation permits nothing, and goes with its last pinhole."""
        return self._set("media_dnat", "daddr", "dport", data=(self.address, "inet_service"))

    @cached_property
    def snat(self) -> Set:
        """Internal → mapped."""
        return self._set("media_snat", "saddr", "sport", data=(self.address, "inet_service"))

    @cached_property
    def pairs(self) -> Set:
        """Internal host . external host that have a pinhole: what else the one sends the other is a stray."""
        return self._set("media_pairs", "saddr", "daddr")

    @cached_property
    def strays_in(self) -> Set:
        """From outside to our media ports, without a pinhole."""
        return self._strays("strays_in")

    @cached_property
    def media_sources(self) -> Set:
        """Where media may come from that no description names: of peerings that let it be learnt."""
        return self._set("media_sources", "saddr", interval=True)

    @cached_property
    def heard(self) -> Set:
        """The strays from there once more: no stranger can fill this memory."""
        return self._strays("media_heard")

    @cached_property
    def strays_out(self) -> Set:
        """From an internal media host to the external host of its call, without a pinhole."""
        return self._strays("strays_out")

    @cached_property
    def pinhole_sets(self) -> tuple[Set, ...]:
        return (*self.inbound, *self.outbound)


IPV4: Final = Family("ip", "ipv4_addr", IPv4Address("127.0.0.1"))
IPV6: Final = Family("ip6", "ipv6_addr", IPv6Address("::1"))
FAMILIES: Final = (IPV4, IPV6)


def family_of(host: str) -> Family | None:
    version = 6 if ":" in host else 4
    return next((family for family in FAMILIES if family.version == version), None)


# --- One pinhole ---


TIMED: Final = 2
"""So many of them, the first, have a time and counts of their own; the others stay with their last holder."""


TOLD: Final = "pinhole"
LEARNT: Final = "learnt"
"""What an element's comment begins with: whether a description named its external endpoint."""


class PinholeElements(NamedTuple):
    inbound: Element
    outbound: Element
    dnat: Element
    snat: Element
    pair: Element


def elements_of(pinhole: Pinhole) -> PinholeElements:
    """The host's family must be one of FAMILIES."""
    family = family_of(pinhole.internal.host)
    assert family is not None, pinhole
    internal, mapped, external = pinhole.internal, pinhole.mapped, pinhole.external
    comment, lifetime = f"{LEARNT if pinhole.learnt else TOLD}:{pinhole.id}", pinhole.lifetime
    if external.port:
        inbound = Element(family.inbound.exact.name, pack(*external, *mapped), b"", lifetime, comment)
        outbound = Element(family.outbound.exact.name, pack(*internal, *external), b"", lifetime, comment)
    else:
        inbound = Element(family.inbound.any_port.name, pack(external.host, *mapped), b"", lifetime, comment)
        outbound = Element(family.outbound.any_port.name, pack(*internal, external.host), b"", lifetime, comment)
    return PinholeElements(
        inbound,
        outbound,
        Element(family.dnat.name, pack(*mapped), pack(*internal)),
        Element(family.snat.name, pack(*internal), pack(*mapped)),
        Element(family.pairs.name, pack(internal.host, external.host)),
    )
