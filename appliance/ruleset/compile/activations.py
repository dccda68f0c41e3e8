# SPDX-License-Identifier: GPL-2.0-or-later
"""What acts on top of the revision, as nft: rules with their end, and the end of the connections that they let in.

Each activation has its own ct mark, and the set `live_activations` holds the marks of those that act. A connection with
an activation's mark that is not in the set is dropped before known flows are accepted: the kernel ends it by itself,
and an activation that nobody knows any more has ended, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from appliance.ruleset.activations import activated_rules
from appliance.ruleset.compile import layout, limits, verdicts
from appliance.ruleset.compile.chains import TO_US, ends, rule_matches, translations
from appliance.ruleset.compile.matches import Statements
from appliance.ruleset.policy import Activation, Policy, Rule
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm

_CHAINS: Final = {
    "forward": layout.ACTIVATIONS[layout.FORWARD],
    "input": layout.ACTIVATIONS[layout.INPUT],
    "dnat": layout.ACTIVATIONS[layout.PREROUTING],
}
_ENDED: Final = layout.ACTIVATIONS[layout.ENDED]
_LIVE: Final = stm.Named(layout.LIVE_ACTIVATIONS.name)
_TRANSLATED: Final = stm.Match(stm.Field("ct status"), "dnat")


def compile_activations(policy: Policy, now: float) -> nft.Transaction:
    """Their chains anew, and their marks for as long as they act from `now` on (Unix seconds)."""
    return (
        *map(nft.Flush, layout.ACTIVATIONS.values()),
        nft.Flush(layout.LIVE_ACTIVATIONS),
        *map(nft.Add, _live(policy, now)),
        *map(nft.Add, _rules(policy)),
        *map(nft.Add, _endings()),
    )


def _live(policy: Policy, now: float) -> Iterator[nft.Elements]:
    for each in policy.activations:
        if each.until is None or each.until > now:
            keys = tuple((bits.of_activation(each.id),) for bits in (limits.FILTER, limits.DNAT))
            yield nft.Elements(layout.LIVE_ACTIVATIONS, keys, None if each.until is None else each.until - now)


def _rules(policy: Policy) -> Iterator[nft.Rule]:
    for activation, rule in activated_rules(policy):
        for family, matches in rule_matches(policy, rule) if rule.table in _CHAINS else ():
            if rule.table == "dnat":
                yield from _dnat_rules(activation, rule, family, matches)
            else:
                mark = _mark(limits.FILTER, activation) if rule.action == "accept" else ()
                yield nft.Rule(_CHAINS[rule.table], (*matches, *ends(rule, mark)), rule.key)


def _dnat_rules(activation: Activation, rule: Rule, family: int, matches: Statements) -> Iterator[nft.Rule]:
    """What it has translated it has also let in."""
    to_us = () if rule.destination else (TO_US,)
    for translated, nat in translations(rule, "dnat", family):
        mark = _mark(limits.DNAT, activation)
        chain = _CHAINS["dnat"]
        yield nft.Rule(chain, (*translated, *matches, *to_us, *mark, stm.Counter(), nat), rule.key)
    own = stm.Match(limits.marked(limits.DNAT), limits.DNAT.of_activation(activation.id))
    yield nft.Rule(_CHAINS["forward"], (_TRANSLATED, own, stm.Counter(), stm.ACCEPT), rule.key)


def _mark(bits: limits.Bits, activation: Activation) -> Statements:
    return (limits.mark_with(bits, bits.of_activation(activation.id)),)


def _endings() -> Iterator[nft.Rule]:
    for bits in (limits.FILTER, limits.DNAT):
        by_activation = stm.Match(stm.Masked(stm.Field("ct mark"), bits.activated), bits.activated)
        not_live = stm.Match(limits.marked(bits), _LIVE, "!=")
        key = "ended:activation"
        yield nft.Rule(_ENDED, (by_activation, not_live, *verdicts.decide("drop", key)), key)
