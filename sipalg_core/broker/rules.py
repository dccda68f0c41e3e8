# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole table `inet sipalg` for a policy, as one transaction: interception, pinholes, drops."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from sipalg_core.broker import bypass, classes, endings, paths, screening, signalling, verdicts
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
from sipalg_core.broker.verdicts import drop
from sipalg_core.contract.control import KERNEL_REASONS
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
    goto,
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
_CHAINS: Final = (_PREROUTING, _DNAT, _SNAT, _FORWARD, classes.OUTPUT)

_RUNNING: Final = Chain(TABLE, "running_media")
"""Pinholes once more, in front of everything else: what runs was let in before, and need not ask who may signal."""

_LET_IN: Final = Chain(TABLE, "forward_let_in")
"""Of what is forwarded, that which a pinhole let in: asked for first, since it is nearly all."""

_MARK: Final = Field("meta mark")
_CT_MARK: Final = Field("ct mark")
_IIFNAME: Final = Field("iifname")
_UDP: Final = Match(Field("meta l4proto"), "udp")
_TCP: Final = Match(Field("meta l4proto"), "tcp")
_REMEMBER: Final = Assign(_CT_MARK, Masked(_CT_MARK, MARK_ACCEPT, "|"))
_DIVERT: Final = Assign(_MARK, Masked(_MARK, MARK_ACCEPT | MARK_DIVERT, "|"))


def transaction(policy: AlgPolicy, *, replace: bool, now: float = 0) -> Transaction:
    """Make the table say what `policy` says. Pinholes stay, unless `replace`: the table there is of another layout.

    `now` in Unix seconds: what has an end gets what is left of its time.
    """
    commands: list[Command] = [Add(TABLE)]
    if replace:
        commands += [Delete(TABLE), Add(TABLE)]
    commands += [Add(LAYOUT), *map(Add, _CHAINS), *map(Flush, _CHAINS)]
    commands += [Add(counter_of(reason)) for reason in KERNEL_REASONS]
    commands += verdicts.chains()
    commands += [Add(_RUNNING), Flush(_RUNNING), Add(_LET_IN), Flush(_LET_IN)]
    commands += [*map(Add, screening.CHAINS), *map(Flush, screening.CHAINS), Add(STREAMS), Add(STRANGERS_STREAMS)]
    for family in FAMILIES:
        commands += map(Add, (*family.pinhole_sets, family.dnat, family.snat, family.sources))
        commands += map(Add, (family.pairs, family.strays_in, family.strays_out, family.heard))
        commands += map(Add, (family.banned, family.knocking, family.streams))
        commands += (Add(family.strangers), Flush(family.strangers))
        for each, networks in (
            (family.known, tuple(signalling.known(policy, family.version))),
            (family.media_sources, tuple(signalling.media_sources(policy, family.version))),
        ):
            commands += [Add(each), Flush(each), *([Add(Elements(each, networks))] if networks else [])]
        for each, keys in (
            (family.peers, signalling.peers(policy, family.version)),
            (family.providers, signalling.providers(policy, family.version)),
            (family.insiders, signalling.routed(policy, family.version, inside=True)),
            (family.pairs_out, signalling.pairs(policy, family.version)),
            (family.pairs_in, signalling.routed_pairs(policy, family.version, inside=False)),
            (family.pairs_inside, signalling.routed_pairs(policy, family.version, inside=True)),
            (family.phones, endings.phones(policy, family.version)),
        ):
            commands += [Add(each), Flush(each), *endings.elements(each, keys, now)]
        commands += (Add(family.exempt), Flush(family.exempt))
        commands += [Add(Elements(family.exempt, *each)) for each in signalling.exempt(policy, family.version, now)]
    commands += [*map(Add, paths.timeouts(policy)), *map(Add, _rules(policy))]
    return tuple(commands)


def _interfaces(policy: AlgPolicy, side: Side) -> tuple[Constant, ...]:
    return tuple(Interface(each.name) for each in policy.interfaces if each.side is side)


def _rules(policy: AlgPolicy) -> Iterator[Rule]:
    internal, external = _interfaces(policy, Side.INTERNAL), _interfaces(policy, Side.EXTERNAL)
    if not internal or not external:
        return
    yield Rule(_PREROUTING, (_UDP, Match(Masked(_CT_MARK, MARK_ACCEPT), MARK_ACCEPT), jump(_RUNNING.name)))
    yield from screening.ban_rules(_PREROUTING, external, policy)
    for family in FAMILIES:
        yield _connection_rule(family, internal, "daddr")
        yield _connection_rule(family, external, "saddr")
        yield from _stranger_rules(family)
        yield from screening.stream_rules(family, external, policy.screening)
        inside = any(signalling.routed(policy, family.version, inside=True))
        for transport in Transport:
            yield from _signalling_rules(family, transport, Side.INTERNAL, internal, family.peers, policy)
            yield from _signalling_rules(family, transport, Side.EXTERNAL, external, family.providers, policy)
            if inside:
                yield from _signalling_rules(family, transport, Side.EXTERNAL, internal, family.insiders, policy)
        for interfaces, direction, words in (
            (external, family.inbound, ("saddr", "daddr", "dport")),
            (internal, family.outbound, ("saddr", "sport", "daddr")),
            (internal if inside else (), family.inbound, ("saddr", "daddr", "dport")),
        ):
            if interfaces:
                exact = ("saddr", "sport", "daddr", "dport")
                for chain, remember in ((_RUNNING, ()), (_PREROUTING, (_REMEMBER,))):
                    for pinholes, key in ((direction.exact, exact), (direction.any_port, words)):
                        yield _pinhole_rule(chain, family, interfaces, pinholes, key, policy, remember)
        yield from _bound_rules(family, internal, external)
        yield from _wrong_side_rules(family, policy)
        yield from _stray_rules(family, internal, external, policy)
    # Only what a pinhole let in is translated; what it let in and no map translates must not go on as it is.
    media = Match(Masked(_MARK, MARK_ACCEPT | MARK_DIVERT), MARK_ACCEPT)
    yield from _untranslated_rules(external, policy)
    if bypass.is_wanted(policy):
        yield from (*bypass.translation_rules(_DNAT), *bypass.translation_rules(_SNAT))
    for family in FAMILIES:
        mapped = Lookup(selector(*family.selectors("daddr", "dport")), family.dnat.name)
        yield Rule(_DNAT, (Match(_IIFNAME, external), _UDP, media, Nat("dnat", family.word, mapped)))
        mapped = Lookup(selector(*family.selectors("saddr", "sport")), family.snat.name)
        yield Rule(_SNAT, (Match(Field("oifname"), external), _UDP, media, Nat("snat", family.word, mapped)))
    yield drop(_DNAT, "unmapped-in", Match(_IIFNAME, external), _UDP, media)
    yield drop(_SNAT, "unmapped-out", Match(Field("oifname"), external), _UDP, media)
    yield Rule(_FORWARD, (_UDP, media, goto(_LET_IN.name)))
    # A closed pinhole stops running media, whoever accepts established connections after us.
    closed = Match(Masked(_CT_MARK, MARK_ACCEPT), MARK_ACCEPT), Match(Masked(_MARK, MARK_ACCEPT), 0)
    yield drop(_FORWARD, "pinhole-closed", _UDP, *closed)
    yield endings.interception_rule(_FORWARD, policy)
    yield from paths.rules(_FORWARD, policy)
    for family in FAMILIES:
        yield from endings.rules(_LET_IN, family, policy)
    yield from classes.media_rules(_LET_IN, policy)  # its last word is accept
    yield from classes.signalling_rules(policy)


def _connection_rule(family: Family, side: tuple[Constant, ...], server: str) -> Rule:
    """Packets of the engine's own TCP connections, whose ports no set names. A listener's socket is a wildcard one."""
    ours = Match(Field("socket transparent"), 1), Match(Field("socket wildcard"), 0)
    where = Match(_IIFNAME, side), _TCP, _not_exempt(family, server)
    return Rule(_PREROUTING, (*where, *ours, _DIVERT, Counter(), ACCEPT), "sip-connection")


def _not_exempt(family: Family, server: str) -> Match:
    """`server` is the selector that holds the provider's address. What is exempt is the packet filter's business."""
    return Match(selector(*family.selectors(server)), Named(family.exempt.name), "!=")


def _bound_rules(family: Family, internal: tuple[Constant, ...], external: tuple[Constant, ...]) -> Iterator[Rule]:
    """Datagrams for sockets that are bound to one address: a provider's, when it speaks from another port, or that of
    a telephone that keeps its own. Behind the pinholes, so that media need not look for a socket."""
    bound = Match(Field("socket transparent"), 1), Match(Field("socket wildcard"), 0)
    for side, pairs, server in (
        (internal, family.pairs_out, "daddr"),
        (external, family.pairs_in, "saddr"),
        (internal, family.pairs_inside, "saddr"),
    ):
        pair = Match(selector(*family.selectors("saddr", "daddr")), Named(pairs.name)), _not_exempt(family, server)
        statements = Match(_IIFNAME, side), *pair, _UDP, *bound, _DIVERT, Counter(), ACCEPT
        yield Rule(_PREROUTING, statements, "sip-bound")


def _untranslated_rules(external: tuple[Constant, ...], policy: AlgPolicy) -> Iterator[Rule]:
    """What the engine sends leaves from the address that its messages name, whoever translates after us: here it is
    translated to itself. So is, of hosts that keep their own address, what goes by while no engine listens."""
    ours = Match(Field("socket transparent"), 1)
    known = Assign(_MARK, Masked(_MARK, MARK_DIVERT, "|"))
    yield Rule(classes.OUTPUT, (ours, known, bypass.REMEMBERED), "untranslated")
    mark, ct_mark = (Match(Masked(field, MARK_DIVERT), MARK_DIVERT) for field in (_MARK, _CT_MARK))
    for family in FAMILIES:
        itself = Nat("snat", family.word, Field(f"{family.word} saddr"))
        protocol = Match(Field("meta nfproto"), "ipv4" if family.version == 4 else "ipv6")
        yield Rule(_SNAT, (protocol, mark, itself), "untranslated")
        if any(signalling.routed_pairs(policy, family.version, inside=False)):
            pair = Match(selector(*family.selectors("daddr", "saddr")), Named(family.pairs_in.name))
            yield Rule(_SNAT, (Match(Field("oifname"), external), pair, ct_mark, itself), "untranslated")


def _wrong_side_rules(family: Family, policy: AlgPolicy) -> Iterator[Rule]:
    """Signalling for a host that keeps its own address, which no interface took: its sender's side is another, and
    that a connection is known must not let it by."""
    for inside, peers in ((False, family.providers), (True, family.insiders)):
        if any(signalling.routed(policy, family.version, inside=inside)):
            for transport in Transport:
                key = selector(*family.selectors("saddr", "daddr", "dport", transport=transport))
                ours = Match(Masked(_MARK, MARK_ACCEPT), 0)
                yield drop(_FORWARD, "wrong-side", Match(key, Named(peers.name)), _not_exempt(family, "saddr"), ours)


def _signalling_rules(
    family: Family, transport: Transport, side: Side, interfaces: tuple[Constant, ...], peers: Set, policy: AlgPolicy
) -> Iterator[Rule]:
    key = selector(*family.selectors("saddr", "daddr", "dport", transport=transport))
    exempt = _not_exempt(family, "daddr" if side is Side.INTERNAL else "saddr")
    sip: tuple[Statement, ...] = (Match(_IIFNAME, interfaces), Match(key, Named(peers.name)), exempt)
    stranger = Match(selector(*family.selectors("saddr")), Named(family.known.name), "!=")
    yield Rule(_PREROUTING, (*sip, stranger, jump(family.strangers.name)))
    if transport is Transport.TCP:
        yield Rule(_PREROUTING, (*sip, Match(Field("ct state"), "new"), jump(family.new_streams.name)))
    taken = _DIVERT, Tproxy(family.word, family.loopback), Counter(), ACCEPT
    yield Rule(_PREROUTING, (*sip, bypass.REMEMBERED, *taken), "sip")
    if transport is Transport.TCP:  # of what was reset from here conntrack knows no new beginning: it marks nothing
        yield Rule(_PREROUTING, (*sip, Match(Field("ct state"), "invalid"), *taken), "sip-unknown")
    yield from bypass.rules(_PREROUTING, family, side, sip, policy)
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
    chain: Chain,
    family: Family,
    side: tuple[Constant, ...],
    pinholes: Set,
    words: tuple[str, ...],
    policy: AlgPolicy,
    remember: tuple[Statement, ...],
) -> Rule:
    key = selector(*family.selectors(*words))
    return Rule(
        chain,
        (
            Match(_IIFNAME, side),
            Match(key, Named(pinholes.name)),
            Update(pinholes.name, key, policy.longest_silence),
            Assign(_MARK, Masked(_MARK, MARK_ACCEPT, "|")),
            *remember,
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
        if any(signalling.media_sources(policy, family.version)):
            known = Match(selector(*family.selectors("saddr")), Named(family.media_sources.name))
            count = Update(family.heard.name, key, STRAY_MEMORY)
            yield Rule(_PREROUTING, (Match(_IIFNAME, external), *to_us, known, count), "heard")
    pair = Match(selector(*family.selectors("saddr", "daddr")), Named(family.pairs.name))
    count = Update(family.strays_out.name, key, STRAY_MEMORY)
    yield Rule(_PREROUTING, (Match(_IIFNAME, internal), pair, count), "stray")
