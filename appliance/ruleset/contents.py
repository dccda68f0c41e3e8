# SPDX-License-Identifier: GPL-2.0-or-later
"""What the objects that move hold now: laid into a policy before anybody asks it, as schedules get their windows.

A frozen policy says what an object is made of (names to resolve, countries), never what that gave: a refresh is no
revision. Contents are read when somebody looks into them, and known by their fingerprint until then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from appliance.ruleset.policy import Address, Policy, Rule
from appliance.ruleset.spans import Content, Spans, fingerprint_of


class Known(Protocol):
    """Where contents come from: firewall.queries, or a test."""

    @property
    def edition(self) -> str:
        """Which country data it is; "" for none."""

    def resolved(self, lookups: Sequence[str]) -> tuple[str, ...]:
        """The addresses that these names have now, in ruleset.notation."""

    def countries(self, codes: Sequence[str]) -> Spans: ...


def fill(policy: Policy, known: Known) -> Policy:
    """The policy with the contents of its moving objects; run before verify, compile and decide."""
    filled: dict[str, Content] = {}

    def content(address: Address) -> Address:
        if address.set not in filled:
            filled[address.set] = _content(address, known)
        return replace(address, content=filled[address.set])

    return moved(policy, content)


def filled(address: Address, known: Known) -> Address:
    return replace(address, content=_content(address, known)) if address.moves else address


def moved(policy: Policy, change: Callable[[Address], Address]) -> Policy:
    """The policy with its moving objects changed."""

    def of(address: Address | None) -> Address | None:
        return change(address) if address is not None and address.moves else address

    def rule_of(rule: Rule) -> Rule:
        if not any(each is not None and each.moves for each in (rule.source, rule.destination)):
            return rule
        return replace(rule, source=of(rule.source), destination=of(rule.destination))

    return replace(
        policy,
        rules=tuple(map(rule_of, policy.rules)),
        activations=tuple(replace(each, rule=each.rule and rule_of(each.rule)) for each in policy.activations),
        providers=tuple(
            replace(each, media=of(each.media)) if each.media is not None and each.media.moves else each
            for each in policy.providers
        ),
    )


def _content(address: Address, known: Known) -> Content:
    resolved = known.resolved(address.lookups) if address.lookups else ()
    edition = known.edition if address.countries else ""

    def read() -> Spans:
        spans = Spans.of((*address.values, *resolved))
        return spans | known.countries(address.countries) if address.countries else spans

    fingerprint = fingerprint_of((*address.values, "", *resolved, "", *address.countries, "", edition))
    return Content(fingerprint, read, empty=not (address.values or resolved or edition))
