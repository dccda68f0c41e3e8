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


class Bits(NamedTuple):
    mask: int
    shift: int

    @property
    def half(self) -> int:
        """The upper half of the values is the activations'."""
        return (self.mask >> self.shift) // 2

    @property
    def activated(self) -> int:
        """The bit that says so."""
        return (self.half + 1) << self.shift

    def of(self, rule: Rule) -> int:
        """Never 0. Rules whose ids differ by the width would share one: verify refuses them together."""
        return (1 + rule.id % self.half) << self.shift

    def of_activation(self, activation: int) -> int:
        return self.activated | activation % (self.half + 1) << self.shift


FILTER: Final = Bits(0x0000FFFF, 0)
DNAT: Final = Bits(0xFFFC0000, 18)
assert FILTER.mask | DNAT.mask == LIMIT_BITS


def number(rule: Rule) -> int | None:
    """The rule's own value in the ct mark; None for a rule that cuts no connection."""
    if rule.activity is None or rule.opens_alg or not rule.enabled:
        return None
    if rule.table == "dnat":
        return DNAT.of(rule) if rule.action == "dnat" else None
    return FILTER.of(rule) if rule.table in ("forward", "input") and rule.action == "accept" else None


def mark(rule: Rule) -> Statements:
    value = number(rule)
    if value is None:
        return ()
    return (mark_with(_bits(rule), value),)


def mark_with(bits: Bits, value: int) -> stm.Statement:
    """The connection's mark says `value` in these bits; the others stay."""
    return stm.Assign(_CT_MARK, stm.Masked(stm.Masked(_CT_MARK, 0xFFFFFFFF & ~bits.mask), value, "|"))


def marked(bits: Bits) -> stm.Masked:
    """What the connection's mark says in these bits."""
    return stm.Masked(_CT_MARK, bits.mask)


def rules(policy: Policy, chain: nft.Chain) -> Iterator[nft.Rule]:
    for rule in policy.rules:
        value, outside = number(rule), activity(rule, outside=True)
        if value is not None and outside is not None:
            connection = stm.Match(marked(_bits(rule)), value)
            yield nft.Rule(chain, (connection, *outside, stm.Counter(), stm.DROP), f"ended:{rule.id}")


def _bits(rule: Rule) -> Bits:
    return DNAT if rule.table == "dnat" else FILTER
