# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands in the table `inet sipalg`: its sets, chains and rules for a policy, and the elements of one pinhole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, Literal, NamedTuple

from sipalg_core.broker import signalling
from sipalg_core.contract.control import Pinhole
from sipalg_core.contract.names import MARK_ACCEPT, MARK_DIVERT, SIPALG_TABLE
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Side, Transport
from sipalg_core.nft.elements import Element, pack
from sipalg_core.nft.ruleset import Add, Chain, Command, Delete, Elements, Flush, Hook, Rule, Set, Table, Transaction
from sipalg_core.nft.statements import (
    ACCEPT,
    DROP,
    Assign,
    Constant,
    Counter,
    Field,
    Interface,
    Lookup,
    Masked,
    Match,
    Named,
    Nat,
    Statement,
    Tproxy,
    Update,
    selector,
)

# --- Specification: linux/netfilter_ipv4.h ---

_MANGLE: Final = -150
_DSTNAT: Final = -100
_FILTER: Final = 0
_SRCNAT: Final = 100

# --- Implementation constants ---

MAXIMUM_PINHOLES: Final = 20_000
"""In one family: all of the default port range in use, both components, each known by two pinholes (gate and exact)."""

HITS_PER_PACKET: Final = 2
"""An element counts when the rule looks it up and again when it updates it (measured: tests/lab/test_media_path.py)."""

TABLE: Final = Table(SIPALG_TABLE)
LAYOUT: Final = Chain(TABLE, "layout_1")
"""An empty chain whose name says which layout the table has: another layout's table is replaced, pinholes and all."""

_PREROUTING: Final = Chain(TABLE, "prerouting_alg", Hook("filter", "prerouting", _MANGLE))
_DNAT: Final = Chain(TABLE, "prerouting_media", Hook("nat", "prerouting", _DSTNAT - 5))
_SNAT: Final = Chain(TABLE, "postrouting_media", Hook("nat", "postrouting", _SRCNAT - 5))
_FORWARD: Final = Chain(TABLE, "forward_media", Hook("filter", "forward", _FILTER - 10))
_CHAINS: Final = (_PREROUTING, _DNAT, _SNAT, _FORWARD)

_MARK: Final = Field("meta mark")
_CT_MARK: Final = Field("ct mark")
_IIFNAME: Final = Field("iifname")
_UDP: Final = Match(Field("meta l4proto"), "udp")
_TCP: Final = Match(Field("meta l4proto"), "tcp")
_DIVERT: Final = Assign(_MARK, Masked(_MARK, MARK_ACCEPT | MARK_DIVERT, "|"))


class Direction(NamedTuple):
    """Pinhole sets of one direction: for one port of the external host, and for any port of it."""

    exact: Set
    any_port: Set


@dataclass(frozen=True, slots=True)
class Family:
    """All named objects of one address family."""

    word: Literal["ip", "ip6"]
    address: Literal["ipv4_addr", "ipv6_addr"]
    loopback: IPv4Address | IPv6Address

    @property
    def version(self) -> int:
        return self.loopback.version

    def selectors(self, *words: str, transport: Transport = Transport.UDP) -> tuple[str, ...]:
        return tuple(f"{self.word} {each}" if each.endswith("addr") else f"{transport} {each}" for each in words)

    def _set(self, name: str, *words: str, data: tuple[str, ...] = (), interval: bool = False) -> Set:
        types = tuple(self.address if each.endswith("addr") else "inet_service" for each in words)
        return Set(TABLE, f"{name}_{self.word}", types, data, ("interval",) if interval else ())

    def _pinholes(self, name: str, *words: str) -> Set:
        plain = self._set(name, *words)
        return Set(
            TABLE, plain.name, plain.type, flags=("dynamic", "timeout"), timeout=60, size=MAXIMUM_PINHOLES, counter=True
        )

    @property
    def peers(self) -> Set:
        """Who may speak SIP outwards: internal host . provider . port."""
        return self._set("sip_peers", "saddr", "daddr", "dport", interval=True)

    @property
    def providers(self) -> Set:
        """Who may speak SIP inwards: provider . our own address . port."""
        return self._set("sip_providers", "saddr", "daddr", "dport", interval=True)

    @property
    def inbound(self) -> Direction:
        return Direction(
            self._pinholes("pinholes_in", "saddr", "sport", "daddr", "dport"),
            self._pinholes("pinholes_in_any", "saddr", "daddr", "dport"),
        )

    @property
    def outbound(self) -> Direction:
        return Direction(
            self._pinholes("pinholes_out", "saddr", "sport", "daddr", "dport"),
            self._pinholes("pinholes_out_any", "saddr", "sport", "daddr"),
        )

    @property
    def dnat(self) -> Set:
        """Mapped → internal. No timeout: a translation permits nothing, and goes with its last pinhole."""
        return self._set("media_dnat", "daddr", "dport", data=(self.address, "inet_service"))

    @property
    def snat(self) -> Set:
        """Internal → mapped."""
        return self._set("media_snat", "saddr", "sport", data=(self.address, "inet_service"))

    @property
    def pinhole_sets(self) -> tuple[Set, ...]:
        return (*self.inbound, *self.outbound)


IPV4: Final = Family("ip", "ipv4_addr", IPv4Address("127.0.0.1"))
IPV6: Final = Family("ip6", "ipv6_addr", IPv6Address("::1"))
FAMILIES: Final = (IPV4, IPV6)


def family_of(host: str) -> Family | None:
    version = 6 if ":" in host else 4
    return next((family for family in FAMILIES if family.version == version), None)


# --- One pinhole ---


class PinholeElements(NamedTuple):
    inbound: Element
    outbound: Element
    dnat: Element
    snat: Element


def elements_of(pinhole: Pinhole) -> PinholeElements:
    """The host's family must be one of FAMILIES."""
    family = family_of(pinhole.internal.host)
    assert family is not None, pinhole
    internal, mapped, external = pinhole.internal, pinhole.mapped, pinhole.external
    comment, lifetime = f"pinhole:{pinhole.id}", pinhole.lifetime
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
    )


# --- The table ---


def transaction(policy: AlgPolicy, *, replace: bool) -> Transaction:
    """Make the table say what `policy` says. Pinholes stay, unless `replace`: the table there is of another layout."""
    commands: list[Command] = [Add(TABLE)]
    if replace:
        commands += [Delete(TABLE), Add(TABLE)]
    commands += [Add(LAYOUT), *map(Add, _CHAINS), *map(Flush, _CHAINS)]
    for family in FAMILIES:
        commands += map(Add, (*family.pinhole_sets, family.dnat, family.snat))
        for each, elements in (
            (family.peers, tuple(signalling.peers(policy, family.version))),
            (family.providers, tuple(signalling.providers(policy, family.version))),
        ):
            commands += [Add(each), Flush(each)]
            if elements:
                commands.append(Add(Elements(each, elements)))
    commands += map(Add, _rules(policy))
    return tuple(commands)


def _interfaces(policy: AlgPolicy, side: Side) -> tuple[Constant, ...]:
    return tuple(Interface(each.name) for each in policy.interfaces if each.side is side)


def _rules(policy: AlgPolicy) -> Iterator[Rule]:
    internal, external = _interfaces(policy, Side.INTERNAL), _interfaces(policy, Side.EXTERNAL)
    if not internal or not external:
        return
    yield _connection_rule((*internal, *external))
    for family in FAMILIES:
        for transport in Transport:
            yield from _signalling_rules(family, transport, internal, family.peers)
            yield from _signalling_rules(family, transport, external, family.providers)
        for side, direction in ((external, family.inbound), (internal, family.outbound)):
            yield _pinhole_rule(family, side, direction.exact, ("saddr", "sport", "daddr", "dport"), policy)
            words = ("saddr", "daddr", "dport") if side is external else ("saddr", "sport", "daddr")
            yield _pinhole_rule(family, side, direction.any_port, words, policy)
    # Only what a pinhole let in is translated; what it let in and no map translates must not go on as it is.
    media = Match(Masked(_MARK, MARK_ACCEPT | MARK_DIVERT), MARK_ACCEPT)
    for family in FAMILIES:
        mapped = Lookup(selector(*family.selectors("daddr", "dport")), family.dnat.name)
        yield Rule(_DNAT, (Match(_IIFNAME, external), _UDP, media, Nat("dnat", family.word, mapped)))
        mapped = Lookup(selector(*family.selectors("saddr", "sport")), family.snat.name)
        yield Rule(_SNAT, (Match(Field("oifname"), external), _UDP, media, Nat("snat", family.word, mapped)))
    yield Rule(_DNAT, (Match(_IIFNAME, external), _UDP, media, Counter(), DROP), "unmapped-in")
    yield Rule(_SNAT, (Match(Field("oifname"), external), _UDP, media, Counter(), DROP), "unmapped-out")
    # A closed pinhole stops running media, whoever accepts established connections after us.
    closed = Match(Masked(_CT_MARK, MARK_ACCEPT), MARK_ACCEPT), Match(Masked(_MARK, MARK_ACCEPT), 0)
    yield Rule(_FORWARD, (_UDP, *closed, Counter(), DROP), "pinhole-closed")


def _connection_rule(interfaces: tuple[Constant, ...]) -> Rule:
    """Packets of the engine's own TCP connections, whose ports no set names. A listener's socket is a wildcard one."""
    ours = Match(Field("socket transparent"), 1), Match(Field("socket wildcard"), 0)
    return Rule(_PREROUTING, (Match(_IIFNAME, interfaces), _TCP, *ours, _DIVERT, Counter(), ACCEPT), "sip-connection")


def _signalling_rules(family: Family, transport: Transport, side: tuple[Constant, ...], peers: Set) -> Iterator[Rule]:
    key = selector(*family.selectors("saddr", "daddr", "dport", transport=transport))
    sip: tuple[Statement, ...] = (Match(_IIFNAME, side), Match(key, Named(peers.name)))
    yield Rule(_PREROUTING, (*sip, _DIVERT, Tproxy(family.word, family.loopback), Counter(), ACCEPT), "sip")
    yield Rule(_PREROUTING, (*sip, Counter(), DROP), "engine-dead")  # no listener: no private address leaks


def _pinhole_rule(
    family: Family, side: tuple[Constant, ...], pinholes: Set, words: tuple[str, ...], policy: AlgPolicy
) -> Rule:
    key = selector(*family.selectors(*words))
    return Rule(
        _PREROUTING,
        (
            Match(_IIFNAME, side),
            Match(key, Named(pinholes.name)),
            Update(pinholes.name, key, policy.timers.inactive_media),
            Assign(_MARK, Masked(_MARK, MARK_ACCEPT, "|")),
            Assign(_CT_MARK, Masked(_CT_MARK, MARK_ACCEPT, "|")),
            ACCEPT,
        ),
    )
