# SPDX-License-Identifier: GPL-2.0-or-later
"""What activations mean for single packets: the rules that stand before the revision's, and whom the ALG leaves alone.

Pure, as compile and decide both read it. An exemption takes SIP from the ALG and hands it to the packet filter: each
rule that would have opened the ALG becomes a plain one for the servers that are exempt.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace

from appliance.ruleset import notation
from appliance.ruleset.policy import Activation, Address, Policy, Rule, Service

Host = ipaddress.IPv4Address | ipaddress.IPv6Address


def activated_rules(policy: Policy) -> Iterator[tuple[Activation, Rule]]:
    """In the order in which they decide, with the activation's end."""
    for activation in policy.activations:
        if activation.rule is not None:
            rule = replace(activation.rule, enabled=True, expired=False, schedule=None, windows=None)
            yield activation, replace(rule, until=activation.until)
        for rule in policy.rules if activation.exempt else ():
            plain = _plain(rule, activation)
            if plain is not None:
                yield activation, plain


def deciding_rules(policy: Policy) -> Iterator[Rule]:
    """Those of activations, then the revision's own."""
    yield from (rule for _, rule in activated_rules(policy))
    yield from policy.rules


def is_exempt(policy: Policy, host: Host, at: float) -> bool:
    return any(
        (activation.until is None or at < activation.until)
        and any(_covers(notation.address_range(value), host) for value in activation.exempt)
        for activation in policy.activations
    )


def _plain(rule: Rule, activation: Activation) -> Rule | None:
    """What lets the rule's SIP pass without the ALG, as far as it goes to exempt servers; None where nothing does."""
    if not rule.opens_alg or rule.destination is None or rule.service is None:
        return None
    servers = tuple(
        f"{part.first}-{part.last}" if part.first != part.last else str(part.first)
        for part in common(tuple(rule.destination.held.texts()), activation.exempt)
    )
    if not servers:
        return None
    service = Service(rule.service.name, rule.service.protocol, rule.service.ports)
    until = min((each for each in (rule.until, activation.until) if each is not None), default=None)
    return replace(rule, destination=Address(rule.destination.name, servers), service=service, until=until)


def common(some: tuple[str, ...], others: tuple[str, ...]) -> list[notation.AddressRange]:
    """Addresses that are in both."""
    found: dict[int, list[notation.AddressRange]] = {4: [], 6: []}
    for one in map(notation.address_range, some):
        for other in map(notation.address_range, others):
            first, last = max(one.first, other.first, key=int), min(one.last, other.last, key=int)
            if one.first.version == other.first.version and int(first) <= int(last):
                found[one.first.version].append(notation.AddressRange(first, last))
    return [*notation.merged(found[4]), *notation.merged(found[6])]


def _covers(span: notation.AddressRange, host: Host) -> bool:
    return span.first.version == host.version and int(span.first) <= int(host) <= int(span.last)
