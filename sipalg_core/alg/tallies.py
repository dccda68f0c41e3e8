# SPDX-License-Identifier: GPL-2.0-or-later
"""How many messages of each peering went through, and how many of them we altered: the proof of "nothing changed"."""

from __future__ import annotations

from dataclasses import dataclass

from sipalg_core.contract.events import PeerRow
from sipalg_core.contract.policy import AlgPolicy


@dataclass(slots=True)
class _Tally:
    messages: int = 0
    altered: int = 0


class Tallies:
    def __init__(self) -> None:
        self._of_rule: dict[str, _Tally] = {}

    def add(self, rule: str, *, altered: bool) -> None:
        tally = self._of_rule.get(rule)
        if tally is None:
            tally = self._of_rule[rule] = _Tally()
        tally.messages += 1
        tally.altered += altered

    def keep(self, policy: AlgPolicy) -> None:
        """Forget the rules that are gone; the others go on counting."""
        rules = {peering.rule for peering in policy.peerings}
        self._of_rule = {rule: tally for rule, tally in self._of_rule.items() if rule in rules}

    def rows(self, policy: AlgPolicy) -> list[PeerRow]:
        nothing = _Tally()
        return [
            {
                "rule": peering.rule,
                "name": peering.name,
                "translate": peering.translate,
                "shadow": peering.shadow,
                "messages": self._of_rule.get(peering.rule, nothing).messages,
                "altered": self._of_rule.get(peering.rule, nothing).altered,
            }
            for peering in policy.peerings
        ]
