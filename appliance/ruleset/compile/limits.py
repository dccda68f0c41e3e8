# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that end at a time end their open connections, too: a ct mark per rule, and a drop before known flows.

Two fields of the mark, so that a connection may stand on a DNAT rule and on a filter rule, and either can end it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from appliance.ruleset.compile.layout import LIMIT_BITS
from appliance.ruleset.compile.matches import Statements, activity
from appliance.ruleset.policy import Policy, Rule
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm

_CT_MARK: Final = stm.Field("ct mark")


class _Bits(NamedTuple):
    mask: int
    shift: int

    def of(self, rule: Rule) -> int:
        """Never 0. Rules whose ids differ by the width would share one: verify refuses them together."""
        return (1 + rule.id % (self.mask >> self.shift)) << self.shift


_FILTER: Final = _Bits(0x0000FFFF, 0)
_DNAT: Final = _Bits(0xFFFC0000, 18)
assert _FILTER.mask | _DNAT.mask == LIMIT_BITS


def number(rule: Rule) -> int | None:
    """The rule's own value in the ct mark; None for a rule that cuts no connection."""
    if rule.activity is None or rule.opens_alg or not rule.enabled:
        return None
    if rule.table == "dnat":
        return _DNAT.of(rule) if rule.action == "dnat" else None
    return _FILTER.of(rule) if rule.table in ("forward", "input") and rule.action == "accept" else None


def mark(rule: Rule) -> Statements:
    value = number(rule)
    if value is None:
        return ()
    others = 0xFFFFFFFF & ~_bits(rule).mask
    return (stm.Assign(_CT_MARK, stm.Masked(stm.Masked(_CT_MARK, others), value, "|")),)


def rules(policy: Policy, chain: nft.Chain) -> Iterator[nft.Rule]:
    for rule in policy.rules:
        value, outside = number(rule), activity(rule, outside=True)
        if value is not None and outside is not None:
            connection = stm.Match(stm.Masked(_CT_MARK, _bits(rule).mask), value)
            yield nft.Rule(chain, (connection, *outside, stm.Counter(), stm.DROP), f"ended:{rule.id}")


def _bits(rule: Rule) -> _Bits:
    return _DNAT if rule.table == "dnat" else _FILTER
