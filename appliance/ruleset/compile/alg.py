# SPDX-License-Identifier: GPL-2.0-or-later
"""Policy to the ALG's policy: which side an interface is on, who may speak SIP with whom, and by which settings."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from appliance.ruleset import notation
from appliance.ruleset.policy import Address, Policy
from sipalg_core.contract import policy as alg
from sipalg_core.net import Side

_GROUPS: Final = {"timers": alg.Timers, "limits": alg.Limits, "handling": alg.Handling}
_SIDES: Final = {"internal": Side.INTERNAL, "dmz": Side.INTERNAL, "external": Side.EXTERNAL}


def compile_alg(policy: Policy) -> alg.AlgPolicy:
    interfaces = tuple(_alg_interfaces(policy))
    frame = alg.AlgPolicy(revision=policy.revision, interfaces=interfaces)
    peerings = tuple(_peerings(policy, frame, ended=False))
    common = _values(policy, "")
    said: dict[str, Any] = {name: kind(**_group(common, name)) for name, kind in _GROUPS.items()}
    said |= {name: alg.PortRange(**span) for name, span in _group(common, "policy").items()}
    return replace(
        frame, enabled=bool(peerings), peerings=peerings, exemptions=tuple(_exemptions(policy)),
        ended=tuple(_peerings(policy, frame, ended=True)), screening=alg.Screening(**_group(common, "screening")),
        **said,
    )  # fmt: skip


# --- Settings ---


def _values(policy: Policy, provider: str) -> dict[str, Any]:
    return next((each.values for each in policy.settings if each.provider == provider), {})


def _group(values: dict[str, Any], name: str) -> dict[str, Any]:
    """Of the paths `timers.t1`, those of one group, by field."""
    return {path.partition(".")[2]: value for path, value in values.items() if path.partition(".")[0] == name}


def _of_provider(
    policy: Policy, provider: str, frame: alg.AlgPolicy, external: tuple[alg.Network, ...]
) -> dict[str, Any]:
    """What a peering says beyond its parties: its groups where the provider has something of its own, and the words
    that only a peering has. Two inside parties have nothing to translate."""
    common, own = _values(policy, ""), _values(policy, provider) if provider else {}
    merged = common | own
    words = _group(merged, "peering")
    ours = set(frame.external_addresses)
    words["outside"] = tuple(address for address in words.get("outside", ()) if address in ours)
    if external and all(frame.is_inside(network) for network in external):
        words["translate"] = "none"
    groups = {name: kind(**_group(merged, name)) for name, kind in _GROUPS.items() if _group(own, name)}
    return words | groups


def _exemptions(policy: Policy) -> Iterator[alg.Exemption]:
    for activation in policy.activations:
        spans = map(notation.address_range, activation.exempt)
        networks = [each for span in spans for each in notation.networks(f"{span.first}-{span.last}")]
        if networks:
            yield alg.Exemption(f"activation:{activation.id}", tuple(networks), activation.until)


def _peerings(policy: Policy, frame: alg.AlgPolicy, *, ended: bool) -> Iterator[alg.Peering]:
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
        external = _networks(rule.destination)
        if rule.destination.moves:  # whoever answers for a name must not make a host of ours the provider
            external = tuple(network for network in external if not frame.is_inside(network))
        yield alg.Peering(
            rule=rule.key,
            name=provider.name if provider else rule.destination.name,
            internal=_networks(rule.source),
            external=external,
            media=_networks(provider.media) if provider and provider.media else (),
            ports=tuple(
                port
                for span in notation.merged_ports(notation.port_ranges(rule.service.ports))
                for port in range(span.first, span.last + 1)
            ),
            until=rule.until,
            symmetric_media=provider is not None and provider.symmetric_media,
            **_of_provider(policy, provider.name if provider else "", frame, external),
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
