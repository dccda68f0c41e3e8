# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules that end at a time end their open connections, too: a ct mark per rule, and a drop before known flows.

Two fields of the mark, so that a connection may stand on a DNAT rule and on a filter rule, and either can end it.

The clock says when, to the second. The set `live_limits` is for a clock that is set back with nobody there to see it:
an element for each rule that has an end, until then, by the kernel's own ticks.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import Final, NamedTuple

from appliance.ruleset.compile import verdicts
from appliance.ruleset.compile.layout import LIMIT_BITS, LIVE_LIMITS
from appliance.ruleset.compile.matches import Statements, activity
from appliance.ruleset.policy import Policy, Rule
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm

_CT_MARK: Final = stm.Field("ct mark")
_NO_MARK: Final = stm.Masked(stm.Field("meta mark"), 0)
"""What a constant is made of: nft looks up nothing that is not read from the packet."""
_LIVE: Final = stm.Named(LIVE_LIMITS.name)
_DRIFT: Final = 1e-4
"""Of a time: how far the kernel's ticks may be from the clock's seconds. Theirs must not be the earlier end."""


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
            key = f"ended:{rule.id}"
            yield nft.Rule(chain, (connection, *outside, *verdicts.decide("drop", key)), key)
            if _has_end(rule):
                over = stm.Match(_key(policy, rule), _LIVE, "!=")
                yield nft.Rule(chain, (connection, over, *verdicts.decide("drop", key)), key)


def alive(policy: Policy, rule: Rule) -> Statements:
    """The kernel's ticks, too, say that the rule's end has not come."""
    return (stm.Match(_key(policy, rule), _LIVE),) if _has_end(rule) else ()


def compile_limits(policy: Policy, now: float) -> nft.Transaction:
    """The ends of the revision's rules, as times from `now` on (Unix seconds); those of other revisions stay."""
    left = {_number(policy, rule): rule.until - now for rule in policy.rules if rule.until and _has_end(rule)}
    live = (
        nft.Elements(LIVE_LIMITS, ((key,),), ceil(time * (1 + _DRIFT)))
        for key, time in sorted(left.items())
        if time > 0
    )
    return (nft.Add(LIVE_LIMITS), *map(nft.Add, live))


def _has_end(rule: Rule) -> bool:
    return rule.until is not None and rule.enabled and not rule.expired and not rule.opens_alg


def _key(policy: Policy, rule: Rule) -> stm.Masked:
    return stm.Masked(_NO_MARK, _number(policy, rule), "|")


def _number(policy: Policy, rule: Rule) -> int:
    """A revision on trial and the one before have their own."""
    return policy.revision % (1 << 14) << 18 | rule.id % (1 << 18)


def _bits(rule: Rule) -> Bits:
    return DNAT if rule.table == "dnat" else FILTER
