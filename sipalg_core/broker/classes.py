# SPDX-License-Identifier: GPL-2.0-or-later
"""Classes of service: the DSCP (RFC 2474) that forwarded media and the engine's own signalling leave with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sipalg_core.broker import signalling
from sipalg_core.broker.layout import FAMILIES, TABLE, Family
from sipalg_core.contract.policy import AlgPolicy, Network, Peering
from sipalg_core.nft.ruleset import Chain, Hook, Rule
from sipalg_core.nft.statements import ACCEPT, Assign, Field, Match, Statement

OUTPUT: Final = Chain(TABLE, "output_alg", Hook("filter", "output", -150))
"""What the engine sends passes here."""

_OURS: Final = Match(Field("socket transparent"), 1)
"""Nobody else on this machine has such sockets."""


def media_rules(chain: Chain, policy: AlgPolicy) -> Iterator[Rule]:
    """For the chain of media that is forwarded, translated already. A peering with a class of its own is known by its
    addresses, and where the far end's are not known beforehand, by its telephones."""
    common = policy.handling.dscp_media
    special = any(policy.handling_of(each).dscp_media != common for each in policy.peerings)
    for family in FAMILIES:
        for peering in policy.peerings if special else ():
            dscp = policy.handling_of(peering).dscp_media
            for ends in _both_ways(family, peering, (*peering.external, *peering.media)):
                yield from _rules(chain, family, dscp, *ends)
        for peering in policy.peerings if special else ():
            dscp = policy.handling_of(peering).dscp_media
            if dscp != common:
                for ends in _both_ways(family, peering, None):
                    yield from _rules(chain, family, dscp, *ends)
        if common is not None:
            yield from _rules(chain, family, common)


def signalling_rules(policy: AlgPolicy) -> Iterator[Rule]:
    """On its way out of this machine, in both directions of a call."""
    if not policy.enabled or all(policy.handling_of(each).dscp_signalling is None for each in policy.peerings):
        return
    for family in FAMILIES:
        for peering in policy.peerings:
            dscp = policy.handling_of(peering).dscp_signalling
            external, internal = _of(family, peering.external), _of(family, peering.internal)
            if external:
                yield from _rules(OUTPUT, family, dscp, _OURS, Match(Field(f"{family.word} daddr"), external))
            for ends in _both_ways(family, peering, peering.external)[1:] if internal else ():
                yield from _rules(OUTPUT, family, dscp, _OURS, *ends)


def _rules(chain: Chain, family: Family, dscp: int | None, *matches: Statement) -> Iterator[Rule]:
    """None: as it comes. Most telephones mark their media themselves: to write what is there already would cost a
    packet more than all else that it meets in the chain."""
    protocol = Match(Field("meta nfproto"), "ipv4" if family.version == 4 else "ipv6")
    if dscp is not None:
        field = Field(f"{family.word} dscp")
        yield Rule(chain, (protocol, *matches, Match(field, dscp, "!="), Assign(field, dscp), ACCEPT), "dscp")
    yield Rule(chain, (protocol, *matches, ACCEPT), "dscp")


def _both_ways(family: Family, peering: Peering, far: tuple[Network, ...] | None) -> list[tuple[Match, ...]]:
    """Out, then in; `far` None: whatever the far end."""
    internal = _of(family, peering.internal)
    there = None if far is None else _of(family, far)
    if not internal or there == ():
        return []
    ways = []
    for near_end, far_end in (("saddr", "daddr"), ("daddr", "saddr")):
        ends = [Match(Field(f"{family.word} {near_end}"), internal)]
        if there:
            ends.append(Match(Field(f"{family.word} {far_end}"), there))
        ways.append(tuple(ends))
    return ways


def _of(family: Family, networks: tuple[Network, ...]) -> tuple[Network, ...]:
    return signalling.collapsed(networks, family.version)
