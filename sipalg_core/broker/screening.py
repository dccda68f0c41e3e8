# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules in front of the interception: who is banned, and how many TCP connections may be held.

Rules of this file: who a peering names by his own address is never banned, and never waits behind those who are not.
A ban concerns signalling and what is new only: a forged source must not cut anybody off from more, nor a provider
from a telephone that has asked it something (its answers belong to a connection that began inside).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sipalg_core.broker.layout import (
    FAMILIES,
    SOURCE_MEMORY,
    STRANGERS_STREAMS,
    STREAMS,
    TABLE,
    Family,
)
from sipalg_core.broker.signalling import signalling_ports
from sipalg_core.broker.verdicts import drop
from sipalg_core.contract.names import MARK_DIVERT
from sipalg_core.contract.policy import AlgPolicy, Screening
from sipalg_core.nft.ruleset import Chain, Hook, Rule
from sipalg_core.nft.statements import (
    RETURN,
    Connections,
    Constant,
    Field,
    Limit,
    Masked,
    Match,
    Named,
    Range,
    Update,
    jump,
    selector,
)

_ARRIVING: Final = -10
"""Priority of the hook, in front of the operator's rules (linux/netfilter_ipv4.h: filter is 0)."""

BANS: Final = Chain(TABLE, "signalling_bans")
KNOCKS: Final = Chain(TABLE, "signalling_knocks")
ARRIVED: Final = Chain(TABLE, "input_signalling", Hook("filter", "input", _ARRIVING))
CHAINS: Final = (ARRIVED, BANS, KNOCKS, *(family.new_streams for family in FAMILIES))

_PROTOCOL: Final = selector("meta l4proto")


def ban_rules(prerouting: Chain, external: tuple[Constant, ...], policy: AlgPolicy) -> Iterator[Rule]:
    """The first rule of the table drops who is banned. Who knocks is looked for where packets have arrived that nobody
    took: not at the engine, and not by an operator's rule for a telephone system of his own, which has its own port
    5060 and may have a whole branch office behind one address.
    """
    if not (policy.enabled and policy.screening.ban):
        return
    ports = tuple(Range(each.first, each.last) for each in signalling_ports(policy))
    signalling = Match(_PROTOCOL, ("tcp", "udp")), Match(Field("th dport"), ports)
    new = (Match(Field("iifname"), external), *signalling, Match(Field("ct state"), "new"))
    yield Rule(prerouting, (*new, jump(BANS.name)), "bans")
    untaken = Match(Masked(Field("meta mark"), MARK_DIVERT), 0)
    yield Rule(ARRIVED, (*new, untaken, jump(KNOCKS.name)), "knocks")
    rate = Limit(policy.screening.ban_after, "minute", burst=policy.screening.ban_after, over=True)
    for family in FAMILIES:
        source = selector(*family.selectors("saddr"))
        for chain in (BANS, KNOCKS):
            for spared in (family.known, family.exempt):
                yield Rule(chain, (Match(source, Named(spared.name)), RETURN), "known")
        yield drop(BANS, "banned-source", Match(source, Named(family.banned.name)))
        noted = Update(family.knocking.name, source, SOURCE_MEMORY, rate)
        yield drop(KNOCKS, "banned-source", noted, Update(family.banned.name, source, policy.screening.ban))


def stream_rules(family: Family, external: tuple[Constant, ...], screening: Screening) -> Iterator[Rule]:
    """For the first packet of a connection that would be intercepted. Too many are reset."""
    chain, source = family.new_streams, selector(*family.selectors("saddr"))
    known = Named(family.known.name)
    of_host = Connections(family.streams.name, source, screening.connections_per_host)
    of_strangers = Connections(STRANGERS_STREAMS.name, _PROTOCOL, screening.connections_of_strangers)
    of_all = Connections(STREAMS.name, _PROTOCOL, screening.connections)
    yield drop(chain, "connections-of-all", of_all)
    # A provider has a connection with each of our mappings.
    yield Rule(chain, (Match(Field("iifname"), external), Match(source, known), RETURN), "known-provider")
    yield drop(chain, "connections-of-host", of_host)
    yield drop(chain, "connections-of-strangers", Match(source, known, "!="), of_strangers)
