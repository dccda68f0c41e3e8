# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole table `inet sipalg` for a policy, as one transaction: interception, pinholes, drops."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from sipalg_core.broker import screening, signalling
from sipalg_core.broker.layout import (
    FAMILIES,
    LAYOUT,
    SOURCE_MEMORY,
    STRANGERS_STREAMS,
    STRAY_MEMORY,
    STREAMS,
    TABLE,
    Family,
    counter_of,
)
from sipalg_core.broker.screening import drop
from sipalg_core.contract.control import DROP_REASONS
from sipalg_core.contract.names import MARK_ACCEPT, MARK_DIVERT
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Side, Transport
from sipalg_core.nft.ruleset import Add, Chain, Command, Delete, Elements, Flush, Hook, Rule, Set, Transaction
from sipalg_core.nft.statements import (
    ACCEPT,
    Assign,
    Constant,
    Counter,
    Field,
    Interface,
    Limit,
    Lookup,
    Masked,
    Match,
    Named,
    Nat,
    Range,
    Statement,
    Tproxy,
    Update,
    jump,
    selector,
)

# --- Specification: linux/netfilter_ipv4.h ---

_MANGLE: Final = -150
_DSTNAT: Final = -100
_FILTER: Final = 0
_SRCNAT: Final = 100

# --- Implementation constants ---

_SOURCE_RATE: Final = Limit(200, burst=400, over=True)
"""Of one source: ten times what a busy telephone sends. A telephone system belongs into the peering as a host."""
_STRANGERS_RATE: Final = Limit(2000, burst=4000, over=True)
"""Of all sources together: a tenth of what the engine can bear."""

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


def transaction(policy: AlgPolicy, *, replace: bool, now: float = 0) -> Transaction:
    """Make the table say what `policy` says. Pinholes stay, unless `replace`: the table there is of another layout.

    `now` in Unix seconds: exemptions get what is left of their time.
    """
    commands: list[Command] = [Add(TABLE)]
    if replace:
        commands += [Delete(TABLE), Add(TABLE)]
    commands += [Add(LAYOUT), *map(Add, _CHAINS), *map(Flush, _CHAINS)]
    commands += [Add(counter_of(reason)) for reason in DROP_REASONS]
    commands += [*map(Add, screening.CHAINS), *map(Flush, screening.CHAINS), Add(STREAMS), Add(STRANGERS_STREAMS)]
    for family in FAMILIES:
        commands += map(Add, (*family.pinhole_sets, family.dnat, family.snat, family.sources))
        commands += map(Add, (family.pairs, family.strays_in, family.strays_out))
        commands += map(Add, (family.banned, family.knocking, family.streams))
        commands += (Add(family.strangers), Flush(family.strangers))
        for each, elements in (
            (family.known, tuple(signalling.known(policy, family.version))),
            (family.peers, tuple(signalling.peers(policy, family.version))),
            (family.providers, tuple(signalling.providers(policy, family.version))),
        ):
            commands += [Add(each), Flush(each)]
            if elements:
                commands.append(Add(Elements(each, elements)))
        commands += (Add(family.exempt), Flush(family.exempt))
        commands += [Add(Elements(family.exempt, *each)) for each in signalling.exempt(policy, family.version, now)]
    commands += map(Add, _rules(policy))
    return tuple(commands)


def _interfaces(policy: AlgPolicy, side: Side) -> tuple[Constant, ...]:
    return tuple(Interface(each.name) for each in policy.interfaces if each.side is side)


def _rules(policy: AlgPolicy) -> Iterator[Rule]:
    internal, external = _interfaces(policy, Side.INTERNAL), _interfaces(policy, Side.EXTERNAL)
    if not internal or not external:
        return
    yield from screening.ban_rules(_PREROUTING, external, policy)
    for family in FAMILIES:
        yield _connection_rule(family, internal, "daddr")
        yield _connection_rule(family, external, "saddr")
        yield from _stranger_rules(family)
        yield from screening.stream_rules(family, external, policy.screening)
        for transport in Transport:
            yield from _signalling_rules(family, transport, internal, family.peers, "daddr")
            yield from _signalling_rules(family, transport, external, family.providers, "saddr")
        for side, direction in ((external, family.inbound), (internal, family.outbound)):
            yield _pinhole_rule(family, side, direction.exact, ("saddr", "sport", "daddr", "dport"), policy)
            words = ("saddr", "daddr", "dport") if side is external else ("saddr", "sport", "daddr")
            yield _pinhole_rule(family, side, direction.any_port, words, policy)
        yield from _stray_rules(family, internal, external, policy)
    # Only what a pinhole let in is translated; what it let in and no map translates must not go on as it is.
    media = Match(Masked(_MARK, MARK_ACCEPT | MARK_DIVERT), MARK_ACCEPT)
    for family in FAMILIES:
        mapped = Lookup(selector(*family.selectors("daddr", "dport")), family.dnat.name)
        yield Rule(_DNAT, (Match(_IIFNAME, external), _UDP, media, Nat("dnat", family.word, mapped)))
        mapped = Lookup(selector(*family.selectors("saddr", "sport")), family.snat.name)
        yield Rule(_SNAT, (Match(Field("oifname"), external), _UDP, media, Nat("snat", family.word, mapped)))
    yield drop(_DNAT, "unmapped-in", Match(_IIFNAME, external), _UDP, media)
    yield drop(_SNAT, "unmapped-out", Match(Field("oifname"), external), _UDP, media)
    # A closed pinhole stops running media, whoever accepts established connections after us.
    closed = Match(Masked(_CT_MARK, MARK_ACCEPT), MARK_ACCEPT), Match(Masked(_MARK, MARK_ACCEPT), 0)
    yield drop(_FORWARD, "pinhole-closed", _UDP, *closed)


def _connection_rule(family: Family, side: tuple[Constant, ...], server: str) -> Rule:
    """Packets of the engine's own TCP connections, whose ports no set names. A listener's socket is a wildcard one."""
    ours = Match(Field("socket transparent"), 1), Match(Field("socket wildcard"), 0)
    where = Match(_IIFNAME, side), _TCP, _not_exempt(family, server)
    return Rule(_PREROUTING, (*where, *ours, _DIVERT, Counter(), ACCEPT), "sip-connection")


def _not_exempt(family: Family, server: str) -> Match:
    """`server` is the selector that holds the provider's address. What is exempt is the packet filter's business."""
    return Match(selector(*family.selectors(server)), Named(family.exempt.name), "!=")


def _signalling_rules(
    family: Family, transport: Transport, side: tuple[Constant, ...], peers: Set, server: str
) -> Iterator[Rule]:
    key = selector(*family.selectors("saddr", "daddr", "dport", transport=transport))
    sip: tuple[Statement, ...] = (Match(_IIFNAME, side), Match(key, Named(peers.name)), _not_exempt(family, server))
    stranger = Match(selector(*family.selectors("saddr")), Named(family.known.name), "!=")
    yield Rule(_PREROUTING, (*sip, stranger, jump(family.strangers.name)))
    if transport is Transport.TCP:
        yield Rule(_PREROUTING, (*sip, Match(Field("ct state"), "new"), jump(family.new_streams.name)))
    yield Rule(_PREROUTING, (*sip, _DIVERT, Tproxy(family.word, family.loopback), Counter(), ACCEPT), "sip")
    yield drop(_PREROUTING, "engine-dead", *sip)  # no listener: no private address leaks


def _stranger_rules(family: Family) -> Iterator[Rule]:
    """Who is allowed only as a part of a network may be anybody, and may be forged. Hosts with a name of their own wait
    behind none of them; one source takes no more than its part; and where the meter is full, which lets everybody
    pass (a meter that cannot note a source matches nothing), there is still a limit for all of them.
    """
    key = selector(*family.selectors("saddr"))
    yield drop(family.strangers, "source-rate", Update(family.sources.name, key, SOURCE_MEMORY, _SOURCE_RATE))
    yield drop(family.strangers, "strangers-rate", _STRANGERS_RATE)


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


def _stray_rules(
    family: Family, internal: tuple[Constant, ...], external: tuple[Constant, ...], policy: AlgPolicy
) -> Iterator[Rule]:
    """What comes this far fits no pinhole. Media among it tells why a call has no audio: it is counted and goes on."""
    key = selector(*family.selectors("saddr", "sport", "daddr", "dport"))
    own = sorted(
        address
        for each in policy.interfaces
        for address in map(ip_address, each.addresses)
        if each.side is Side.EXTERNAL and address.version == family.version
    )
    if own:
        ports = Range(policy.media_ports.first, policy.media_ports.last)
        to_us = Match(Field(f"{family.word} daddr"), tuple(own)), Match(Field("udp dport"), ports)
        count = Update(family.strays_in.name, key, STRAY_MEMORY)
        yield Rule(_PREROUTING, (Match(_IIFNAME, external), *to_us, count), "stray")
    pair = Match(selector(*family.selectors("saddr", "daddr")), Named(family.pairs.name))
    count = Update(family.strays_out.name, key, STRAY_MEMORY)
    yield Rule(_PREROUTING, (Match(_IIFNAME, internal), pair, count), "stray")
