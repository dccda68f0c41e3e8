# SPDX-License-Identifier: GPL-2.0-or-later
"""Policy to the ALG's policy: which side an interface is on, and who may speak SIP with whom."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from appliance.ruleset import notation
from appliance.ruleset.policy import Address, Policy
from sipalg_core.contract import policy as alg
from sipalg_core.net import Side

_SIDES: Final = {"internal": Side.INTERNAL, "dmz": Side.INTERNAL, "external": Side.EXTERNAL}


def compile_alg(policy: Policy) -> alg.AlgPolicy:
    peerings = tuple(_peerings(policy, ended=False))
    return alg.AlgPolicy(
        revision=policy.revision,
        enabled=bool(peerings),
        interfaces=tuple(_alg_interfaces(policy)),
        peerings=peerings,
        ended=tuple(_peerings(policy, ended=True)),
        exemptions=tuple(_exemptions(policy)),
    )


def _exemptions(policy: Policy) -> Iterator[alg.Exemption]:
    for activation in policy.activations:
        spans = map(notation.address_range, activation.exempt)
        networks = [each for span in spans for each in notation.networks(f"{span.first}-{span.last}")]
        if networks:
            yield alg.Exemption(f"activation:{activation.id}", tuple(networks), activation.until)


def _peerings(policy: Policy, *, ended: bool) -> Iterator[alg.Peering]:
    """A rule with an open end gives none: verify has refused it, and here the safe reading is no permission."""
    providers = {provider.signalling: provider for provider in policy.providers}
    for rule in policy.rules:
        over, rule = rule.expired, replace(rule, expired=False)
        if (
            over != ended
            or not rule.opens_alg
            or rule.source is None
            or rule.destination is None
            or rule.service is None
        ):
            continue
        provider = providers.get(rule.destination.name)
        yield alg.Peering(
            rule=rule.key,
            name=provider.name if provider else rule.destination.name,
            internal=_networks(rule.source),
            external=_networks(rule.destination),
            media=_networks(provider.media) if provider and provider.media else (),
            ports=tuple(
                port
                for span in notation.merged_ports(notation.port_ranges(rule.service.ports))
                for port in range(span.first, span.last + 1)
            ),
            until=rule.until,
            symmetric_media=provider is not None and provider.symmetric_media,
        )


def _networks(address: Address) -> tuple[alg.Network, ...]:
    """What moves is taken as it stands: a change of content is a new policy file. Countries are no peers (verify)."""
    if address.countries:
        return ()
    return tuple(network for text in address.held.texts() for network in notation.networks(text))


def _alg_interfaces(policy: Policy) -> Iterator[alg.Interface]:
    for interface in policy.interfaces:
        if interface.role in _SIDES:
            addresses = [ipaddress.ip_interface(address) for address in interface.addresses]
            yield alg.Interface(
                name=interface.name,
                side=_SIDES[interface.role],
                addresses=tuple(str(address.ip) for address in addresses),
                networks=tuple(address.network for address in addresses),
            )
