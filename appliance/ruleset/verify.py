# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong or odd about a policy before it reaches the kernel. An `error` stops the apply, the rest informs."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from appliance.ruleset.compile import limits
from appliance.ruleset.decide import Packet, decide, interface_of
from appliance.ruleset.notation import LAST_PORT, AddressRange, Ports, address_range, port_ranges
from appliance.ruleset.policy import Address, Policy, Rule, Service


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is what programs go by; for people its `sentence` is filled with `values` (ruleset.findings)."""

    level: Literal["error", "warning", "hint"]
    code: str
    rule: int | None = None  # Rule.id
    case: str = ""  # of what can be said about this code
    values: Mapping[str, object] = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        return f"{self.code}:{self.case}" if self.case else self.code


class Access(NamedTuple):
    """Who asks, at which port of the console, and when (Unix seconds): it must work afterwards, too."""

    address: str
    port: int
    at: float


def verify(policy: Policy, access: Access | None = None) -> list[Finding]:
    """In the order of the rules, errors among them."""
    rules = [rule for rule in policy.rules if rule.enabled]
    about_objects = (*_empty_objects(rules), *_resolved_sources(rules))
    about_rules = (*about_objects, *_alg(policy, rules), *_settings(policy), *_limits(rules), *_shadowed(rules))
    return [*_access(policy, access), *about_rules]


def _access(policy: Policy, access: Access | None) -> Iterator[Finding]:
    if not policy.names_of("internal", "management"):
        yield Finding("error", "locked_out", case="no_interface")
        return
    packet = access and _packet(policy, access)
    if packet is None:
        return
    decision = decide(policy, packet)
    if decision.verdict == "accept" and not decision.oifname and not decision.dnat:
        return
    reason = decision.reason if decision.verdict != "accept" else decision.dnat
    rule = next((rule for rule in policy.rules if rule.key == reason), None)
    values = {"address": packet.saddr, "port": packet.dport, "interface": packet.iifname}
    if rule is None or rule.action not in ("dnat", "drop", "reject"):
        yield Finding("error", "locked_out", case="no_rule", values=values)
        return
    yield _about(rule, "error", "locked_out", case=rule.action, **values)


def _about(
    rule: Rule, level: Literal["error", "warning", "hint"], code: str, case: str = "", **values: object
) -> Finding:
    return Finding(level, code, rule.id, case, {"position": rule.position, "rule": rule.name, **values})


def _packet(policy: Policy, access: Access) -> Packet | None:
    """The operator's own; None where nobody can say by which interface it comes."""
    saddr = ipaddress.ip_address(access.address)
    if saddr.is_loopback:
        return None
    outside = next((each for each in policy.interfaces if each.role == "external"), None)
    interface = interface_of(policy, saddr) or (outside if saddr.is_global else None)
    own = [ipaddress.ip_interface(address).ip for address in interface.addresses] if interface else []
    daddr = next((address for address in own if address.version == saddr.version), None)
    if interface is None or daddr is None:
        return None
    return Packet(interface.name, saddr, daddr, "tcp", access.port, access.at)


def _empty_objects(rules: Iterable[Rule]) -> Iterator[Finding]:
    for rule in rules:
        for address in (rule.source, rule.destination, rule.target):
            if address is None or not address.empty:
                continue
            if address.negated:
                yield _about(rule, "error", "empty_object", "negated", object=address.name)
            elif address.moves:
                yield _about(rule, "warning", "empty_moving_object", object=address.name)
            else:
                yield _about(rule, "error", "empty_object", object=address.name)


def _resolved_sources(rules: Iterable[Rule]) -> Iterator[Finding]:
    """Who controls the answers for a name decides who comes in."""
    for rule in rules:
        if rule.action == "dnat" and rule.source is not None and rule.source.lookups:
            yield _about(rule, "warning", "dns_source_of_dnat", object=rule.source.name)


def _alg(policy: Policy, rules: Iterable[Rule]) -> Iterator[Finding]:
    inside = [
        address_range(str(ipaddress.ip_interface(address).network))
        for interface in policy.interfaces
        if interface.role in ("internal", "dmz")
        for address in interface.addresses
    ]
    for rule in (rule for rule in rules if rule.opens_alg):
        if rule.source is None or rule.destination is None:
            yield _about(rule, "error", "sip_any")
            continue
        if rule.destination.countries:
            yield _about(rule, "error", "sip_country", object=rule.destination.name)
            continue
        if rule.source.moves or not all(_within(address_range(value), inside) for value in rule.source.values):
            yield _about(rule, "error", "sip_source_not_internal", object=rule.source.name)
        yield from _inside(rule, rule.destination, inside)
        if not any(provider.signalling == rule.destination.name for provider in policy.providers):
            yield _about(rule, "hint", "sip_without_provider", object=rule.destination.name)


def _inside(rule: Rule, server: Address, inside: list[AddressRange]) -> Iterator[Finding]:
    """A server behind another internal interface than its telephones is routed; a name never leads inside."""
    spans = [address_range(value) for value in server.held.texts()]
    within = [_within(span, inside) for span in spans]
    shared = [
        net for net in inside if rule.source and any(_within(address_range(v), [net]) for v in rule.source.values)
    ]
    if any(within) and (server.moves or any(_within(span, shared) for span in spans)):
        yield _about(rule, "error", "sip_destination_internal", object=server.name)
    elif any(within) and not all(within):
        yield _about(rule, "error", "sip_destination_mixed", object=server.name)
    elif any(within):
        yield _about(rule, "hint", "sip_destination_routed", object=server.name)


def _settings(policy: Policy) -> Iterator[Finding]:
    own = {
        str(ipaddress.ip_interface(address).ip)
        for interface in policy.interfaces
        if interface.role == "external"
        for address in interface.addresses
    }
    for settings in policy.settings:
        gone = [address for address in settings.values.get("peering.outside", ()) if address not in own]
        if gone:
            case, values = ("one", {"provider": settings.provider}) if settings.provider else ("", {})
            values |= {"addresses": ", ".join(gone)}
            yield Finding("warning", "outside_address_gone", case=case, values=values)


def _limits(rules: Iterable[Rule]) -> Iterator[Finding]:
    """Each rule that ends needs a ct mark of its own."""
    seen: dict[int, Rule] = {}
    for rule in rules:
        number = limits.number(rule)
        if number is not None and (other := seen.setdefault(number, rule)) is not rule:
            yield _about(rule, "error", "limit_mark", other_position=other.position, other=other.name)


def _shadowed(rules: list[Rule]) -> Iterator[Finding]:
    """A rule that an earlier one covers whole can never decide. SIP rules are the ALG's and stand apart."""
    before: dict[str, list[tuple[int, int, int, int, Rule, _Shape]]] = {}
    for later in (rule for rule in rules if not rule.opens_alg):
        inner = _Shape.of(later)
        (low, high), (low2, high2) = _bounds(inner.source), _bounds(inner.destination)
        lasting = before.setdefault(later.table, [])
        earlier = next(
            (
                rule
                for first, last, first2, last2, rule, outer in lasting
                if first <= low and high <= last and first2 <= low2 and high2 <= last2 and outer.covers(inner)
            ),
            None,
        )
        if later.activity is None:
            lasting.append((low, high, low2, high2, later, inner))
        if earlier is not None:
            yield _about(later, "warning", "shadowed", other_position=earlier.position, other=earlier.name)


_Span = tuple[int, int, int]
"""Address family, first, last: plain numbers, because every rule is compared with all before it."""

_Addresses = tuple[_Span, ...] | str | None
"""None is any; a text is an object that moves: only what is made of the same is known to lie within it."""

_Service = tuple[frozenset[str] | None, tuple[Ports, ...]]
"""Protocols (None: every one) and ports."""


class _Shape(NamedTuple):
    """What a rule matches."""

    from_zone: str
    to_zone: str
    source: _Addresses
    destination: _Addresses
    services: tuple[_Service, ...]

    @classmethod
    def of(cls, rule: Rule) -> _Shape:
        services = tuple(_service(each) for each in rule.service.alternatives) if rule.service else ((None, ()),)
        return cls(rule.from_zone, rule.to_zone, _spans(rule.source), _spans(rule.destination), services)

    def covers(self, inner: _Shape) -> bool:
        return (
            self.from_zone in ("", inner.from_zone)
            and self.to_zone in ("", inner.to_zone)
            and _covers_spans(self.source, inner.source)
            and _covers_spans(self.destination, inner.destination)
            and all(any(_covers_service(mine, theirs) for mine in self.services) for theirs in inner.services)
        )


def _bounds(addresses: _Addresses) -> tuple[int, int]:
    """What lies outside of another's bounds cannot lie within it: this tells 500,000 pairs of 1,000 rules apart."""
    if addresses is None:
        return -1, _BEYOND
    if isinstance(addresses, str):
        number = (7 << 128) + int.from_bytes(addresses.encode()[:15], "big")
        return number, number
    return (
        min(((family << 128) + first for family, first, _ in addresses), default=_BEYOND),
        max(((family << 128) + last for family, _, last in addresses), default=-1),
    )


_BEYOND: Final = 1 << 136


def _service(service: Service) -> _Service:
    if service.protocol == "any":
        return None, ()
    names = {"both": ("udp", "tcp"), "other": (str(service.number),)}.get(service.protocol, (service.protocol,))
    return frozenset(names), port_ranges(service.ports)


def _covers_service(outer: _Service, inner: _Service) -> bool:
    if outer[0] is None or inner[0] is None:
        return outer[0] is None
    ports = not outer[1] or _covers_ports(outer[1], inner[1] or (Ports(1, LAST_PORT),))
    return outer[0] >= inner[0] and ports


def _spans(address: Address | None) -> _Addresses:
    if address is None:
        return None
    if address.moves:
        return f"{address.set} {address.negated}"
    ranges = (address_range(value) for value in address.values)
    return tuple((first.version, int(first), int(last)) for first, last in ranges)


def _covers_spans(outer: _Addresses, inner: _Addresses) -> bool:
    if outer is None or inner is None:
        return outer is None
    if isinstance(outer, str) or isinstance(inner, str):
        return outer == inner
    return all(any(o[0] == i[0] and o[1] <= i[1] and i[2] <= o[2] for o in outer) for i in inner)


def _covers_ports(outer: tuple[Ports, ...], inner: tuple[Ports, ...]) -> bool:
    return all(any(o.first <= i.first and i.last <= o.last for o in outer) for i in inner)


def _within(inner: AddressRange, outer: Iterable[AddressRange]) -> bool:
    return any(
        each.first.version == inner.first.version
        and int(each.first) <= int(inner.first)
        and int(inner.last) <= int(each.last)
        for each in outer
    )
