# SPDX-License-Identifier: GPL-2.0-or-later
"""SIP while no engine listens, where the operator would rather have it forwarded than dropped: plain NAT, no pinholes.

Connections of signalling carry a ct mark, so that they can be forgotten when the engine dies and when one listens
again: the kernel would go on not translating, or translating, what is now somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network
from typing import Final

from sipalg_core.broker import signalling
from sipalg_core.broker.layout import Family, counter_of
from sipalg_core.contract.names import MARK_ACCEPT, MARK_DIVERT
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Side
from sipalg_core.nft.ruleset import Chain, Rule
from sipalg_core.nft.statements import ACCEPT, Assign, Counter, Field, Masked, Match, Statement

REASON: Final = "engine-forwarded"

_MARK: Final = Field("meta mark")
_CT_MARK: Final = Field("ct mark")
REMEMBERED: Final = Assign(_CT_MARK, Masked(_CT_MARK, MARK_DIVERT, "|"))
_PLAIN: Final = Assign(_MARK, Masked(Masked(_MARK, 0xFFFFFFFF & ~MARK_DIVERT), MARK_ACCEPT, "|"))
"""The rule before has marked it for the engine, whether or not that listens."""


def is_wanted(policy: AlgPolicy) -> bool:
    return policy.enabled and any(policy.handling_of(each).engine_down == "forward" for each in policy.peerings)


def rules(chain: Chain, family: Family, side: Side, sip: tuple[Statement, ...], policy: AlgPolicy) -> Iterator[Rule]:
    """Behind the rule that finds no listener, before the drop. `sip` matches all signalling of that side."""
    own = tuple(each for each in map(ip_network, policy.external_addresses) if each.version == family.version)
    for peering in policy.peerings:
        if policy.handling_of(peering).engine_down != "forward":
            continue
        internal, external, there = (
            signalling.collapsed(networks, family.version)
            for networks in (
                peering.internal,
                peering.external,
                own if peering.translates(str(family.loopback)) else peering.internal,
            )
        )
        saddr, daddr = (internal, external) if side is Side.INTERNAL else (external, there)
        if saddr and daddr:
            ends = Match(Field(f"{family.word} saddr"), saddr), Match(Field(f"{family.word} daddr"), daddr)
            yield Rule(chain, (*sip, *ends, _PLAIN, REMEMBERED, Counter(counter_of(REASON).name), ACCEPT), REASON)


def translation_rules(chain: Chain) -> Iterator[Rule]:
    """In the chains that translate media: what is forwarded plainly is somebody else's to translate."""
    yield Rule(chain, (Match(Masked(_CT_MARK, MARK_DIVERT), MARK_DIVERT), ACCEPT), REASON)
