# SPDX-License-Identifier: GPL-2.0-or-later
"""How the table drops where people shall see it: counted under its reason, a few lines for the live log, then the end.

A chain for each reason logs and decides, so that a rule which drops stays one rule and no limit of the log ever lets a
packet by. What exceeds the limit is only counted: `log_asked` less the lines that came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sipalg_core.broker.layout import TABLE, counter_of
from sipalg_core.contract.control import DROP_REASONS
from sipalg_core.contract.names import LOG_ASKED, LOG_GROUP
from sipalg_core.nft.ruleset import Add, Chain, Flush, NamedCounter, Rule, Transaction
from sipalg_core.nft.statements import DROP, Counter, Limit, Log, Reject, Statement, goto

# --- Implementation constants ---

_LINES: Final = Limit(2, burst=20)
"""Of one reason: a scanner that is banned comes all day."""
_SNAPLEN: Final = 96  # octets: an IPv6 header and TCP's with some options
_ASKED: Final = NamedCounter(TABLE, LOG_ASKED)
_RESET: Final = ("connections-of-all", "connections-of-host", "connections-of-strangers")
"""Answered with a reset: who waits would only try again."""


def drop(chain: Chain, reason: str, *statements: Statement) -> Rule:
    """Every drop is counted under its reason, and goes on being counted when the rules are replaced."""
    return Rule(chain, (*statements, Counter(counter_of(reason).name), goto(_chain(reason).name)), reason)


def chains() -> Transaction:
    """The reasons' own chains, filled anew."""
    every = tuple(map(_chain, DROP_REASONS))
    return (Add(_ASKED), *map(Add, every), *map(Flush, every), *map(Add, _rules()))


def _chain(reason: str) -> Chain:
    return Chain(TABLE, f"drop_{counter_of(reason).name}")


def _rules() -> Iterator[Rule]:
    for reason in DROP_REASONS:
        verdict, decides = ("reject", Reject("tcp reset")) if reason in _RESET else ("drop", DROP)
        line = Log(f"{verdict}:{reason}", LOG_GROUP, _SNAPLEN)
        yield Rule(_chain(reason), (Counter(_ASKED.name), _LINES, line))
        yield Rule(_chain(reason), (decides,))
