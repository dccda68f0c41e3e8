# SPDX-License-Identifier: GPL-2.0-or-later
"""What of the kernel ends with a SIP rule, at its second and with no process alive: signalling, and media of its calls.

Signalling: elements of the sets with a timeout, and the connection's mark (bypass.REMEMBERED), so that what was
intercepted once is never merely forwarded, private address and all. Media: a rule by the clock for the phones of that
SIP rule; a phone that another one still names keeps its calls here, and the engine ends those of the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import collapse_addresses
from typing import Final

from sipalg_core.broker import bypass
from sipalg_core.broker.layout import Family
from sipalg_core.broker.signalling import Ending, Key, Lasting, lasting, of_version
from sipalg_core.broker.verdicts import drop
from sipalg_core.contract.names import MARK_ACCEPT, MARK_DIVERT
from sipalg_core.contract.policy import AlgPolicy, Peering
from sipalg_core.nft.ruleset import Add, Chain, Command, Elements, Rule, Set
from sipalg_core.nft.statements import Field, Masked, Match, Named, Range

_MARK: Final = Field("meta mark")
_CT_MARK: Final = Field("ct mark")
_NOT_OURS: Final = Match(Masked(_MARK, MARK_ACCEPT | MARK_DIVERT), 0)
_INTERCEPTED: Final = Match(Masked(_CT_MARK, MARK_DIVERT), MARK_DIVERT)
_FOREVER: Final = 0xFFFFFFFF  # Unix seconds; nft knows no larger time


def elements(of: Set, keys: Iterable[Ending], now: float) -> Iterator[Command]:
    """To a set with timeouts: those without end together, the others with what is left of their time."""
    by_end: dict[float | None, list[Key]] = {}
    for key, until in keys:
        by_end.setdefault(until, []).append(key)
    for until, each in by_end.items():
        if until is None or until > now:
            yield Add(Elements(of, tuple(each), None if until is None else until - now))


def phones(policy: AlgPolicy, version: int) -> Iterator[Ending]:
    """Whose media may pass, and until when."""
    named = (
        Lasting(network, each.until)
        for each in (policy.peerings if policy.enabled else ())
        for network in of_version((*each.internal, *each.media_hosts), version)
    )
    return (((each.network,), each.until) for each in lasting(named))


def rules(let_in: Chain, family: Family, policy: AlgPolicy) -> Iterator[Rule]:
    """For the chain of media that is forwarded."""
    for peering in (*policy.peerings, *policy.ended):
        hosts = tuple(collapse_addresses(of_version((*peering.internal, *peering.media_hosts), family.version)))
        if not hosts or not _ends(peering, policy):
            continue
        when = () if peering in policy.ended else (Match(Field("meta time"), Range(int(peering.until or 0), _FOREVER)),)
        for side in ("saddr", "daddr"):
            host = Field(f"{family.word} {side}")
            gone = Match(host, hosts), Match(host, Named(family.phones.name), "!=")
            yield drop(let_in, "rule-ended", *when, *gone)


def interception_rule(forward: Chain, policy: AlgPolicy) -> Rule:
    """What was intercepted and is not any more: never as it is to the other side. Where SIP may go by a dead engine,
    the answers to what went by are let through: `bypass` does not see them, since they come to any port of ours."""
    ways = (Match(Field("ct direction"), "original"),) if bypass.is_wanted(policy) else ()
    return drop(forward, "rule-ended", _INTERCEPTED, *ways, _NOT_OURS)


def _ends(peering: Peering, policy: AlgPolicy) -> bool:
    return peering.until is not None or peering in policy.ended
