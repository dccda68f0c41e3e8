# SPDX-License-Identifier: GPL-2.0-or-later
"""Who speaks SIP with whom by the rules: the telephone systems of each provider, and over what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from appliance.ruleset.policy import Policy, Service

_TRANSPORTS: Final = {"udp": ("UDP",), "tcp": ("TCP",), "both": ("UDP", "TCP")}


class Speaker(NamedTuple):
    """By one SIP rule."""

    rule: int
    name: str  # of the rule's source
    addresses: tuple[str, ...]
    transports: tuple[str, ...]  # "UDP 5060"


def speakers(policy: Policy) -> dict[str, list[Speaker]]:
    """By the name of the object that holds the servers; of rules that may act, now or later."""
    found: dict[str, list[Speaker]] = {}
    for rule in policy.rules:
        if rule.enabled and not rule.expired and rule.opens_alg and rule.source and rule.destination:
            source = rule.source
            addresses = tuple(source.held.texts()) if source.moves else source.values
            speaker = Speaker(rule.id, source.name, addresses, _transports(rule.service))
            found.setdefault(rule.destination.name, []).append(speaker)
    return found


def _transports(service: Service | None) -> tuple[str, ...]:
    alternatives: Iterable[Service] = service.alternatives if service else ()
    words = {
        f"{word} {each.ports}".strip(): None for each in alternatives for word in _TRANSPORTS.get(each.protocol, ())
    }
    return tuple(words)
