# SPDX-License-Identifier: GPL-2.0-or-later
"""What of a packet a rule of the operator looks at, as nft matches: zones, addresses, service, time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from appliance.ruleset import notation
from appliance.ruleset.compile import moving
from appliance.ruleset.policy import Address, Policy, Rule, Service
from sipalg_core.nft import statements as stm

Statements = tuple[stm.Statement, ...]


def zones(policy: Policy, rule: Rule) -> Statements | None:
    """None where a zone has no interface: nothing can match then."""
    matches: list[stm.Statement] = []
    for field, role in (("iifname", rule.from_zone), ("oifname", rule.to_zone)):
        if role:
            interfaces = policy.names_of(role)
            if not interfaces:
                return None
            matches += interface(field, interfaces)
    return tuple(matches)


def interface(field: str, interfaces: tuple[str, ...]) -> Statements:
    named = tuple(stm.Interface(name) for name in sorted(interfaces))
    return (stm.Match(stm.Field(field), one_or_set(named)),) if named else ()


def address_matches(rule: Rule) -> Iterator[tuple[int, Statements]]:
    """Per address family; family 0 stands for both at once where no object restricts it."""
    ends = [(rule.source, "saddr"), (rule.destination, "daddr")]
    if rule.source is None and rule.destination is None:
        yield 0, ()
        return
    for version, word in ((4, "ip"), (6, "ip6")):
        found = [_address_match(address, version, f"{word} {field}") for address, field in ends if address is not None]
        matches = tuple(each for each in found if each is not None)
        if len(matches) == len(found):
            yield version, matches


def _address_match(address: Address, version: int, field: str) -> stm.Match | None:
    """None where the object has nothing of this family."""
    if address.moves:
        return moving.match(address, version, field)
    values = ranges(address, version)
    return stm.Match(stm.Field(field), one_or_set(values)) if values else None


def service_matches(service: Service | None, family: int) -> Iterator[Statements]:
    """One for each way to fit it."""
    for alternative in service.alternatives if service else ():
        yield _service_match(alternative, family)
    if service is None:
        yield ()


def _service_match(service: Service, family: int) -> Statements:
    if service.protocol == "any":
        return ()
    protocol = stm.Field("meta l4proto")
    if service.protocol == "other":
        return (stm.Match(protocol, service.number or 0),)
    if service.protocol == "icmp":
        words = {4: ("icmp",), 6: ("ipv6-icmp",)}.get(family, ("icmp", "ipv6-icmp"))
        return (stm.Match(protocol, one_or_set(words)),)
    ports = tuple(_constant(each) for each in notation.merged_ports(notation.port_ranges(service.ports)))
    transports: tuple[str, ...] = ("tcp", "udp") if service.protocol == "both" else (service.protocol,)
    restriction = stm.Match(protocol, one_or_set(transports))
    if not ports:
        return (restriction,)
    return (restriction, stm.Match(stm.Field("th dport"), one_or_set(ports)))


def ranges(address: Address, version: int) -> tuple[stm.Constant, ...]:
    """The object's values of one family without overlaps: nft refuses a set whose intervals touch twice."""
    return _ranges(address.values, version)


@lru_cache(8192)
def _ranges(values: tuple[str, ...], version: int) -> tuple[stm.Constant, ...]:
    """An apply asks for the same several times: for the swap, for the boot, for the fallback."""
    found = (notation.address_range(value) for value in values)
    return tuple(_constant(each) for each in notation.merged(each for each in found if each.first.version == version))


def _constant(span: notation.AddressRange | notation.Ports) -> stm.Constant:
    if isinstance(span, notation.Ports):
        return span.first if span.first == span.last else stm.Range(span.first, span.last)
    networks = notation.networks(f"{span.first}-{span.last}")
    return networks[0] if len(networks) == 1 else stm.Range(span.first, span.last)


def one_or_set(values: tuple[stm.Constant, ...]) -> stm.Constant | tuple[stm.Constant, ...]:
    return values[0] if len(values) == 1 else values


def activity(rule: Rule, *, outside: bool = False) -> Statements | None:
    """When the rule may match (or, `outside`, when it may not); None for never, () for always."""
    windows = rule.activity
    if windows is None:
        return None if outside else ()
    if not windows:
        return () if outside else None
    spans = tuple(stm.Range(window.first, window.last) for window in windows)
    return (stm.Match(stm.Field("meta time"), one_or_set(spans), "!=" if outside else "=="),)
