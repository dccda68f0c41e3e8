# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rule decides about the first packet of a connection: the policy read as compile writes it for the kernel.

tests/lab/test_ruleset_decide.py compares it with the kernel. Routes are not part of a policy: what lies on no
interface's network goes out by the first external interface.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from appliance.ruleset import notation
from appliance.ruleset.activations import activated_rules, deciding_rules, is_exempt
from appliance.ruleset.policy import Address, Interface, Policy, Rule, Service

Host = ipaddress.IPv4Address | ipaddress.IPv6Address
Protocol = Literal["udp", "tcp", "icmp"] | int
"""A number (IANA) for those that have no word here."""


ECHO_REQUEST: Final = {4: 8, 6: 128}
"""RFC 792, RFC 4443 §4.1."""


IN_FRONT_OF_IPV6: Final = (0, 43, 44, 60)
"""Headers that the rules look behind (RFC 8200 §4): none of them is a packet's protocol, and which is cannot be known.
At AH (51) nft looks no further: it is the protocol there, as over IPv4 (linux/net/netfilter/nf_tables_ipv6.h).
"""


class Packet(NamedTuple):
    """`dport` of ICMP is its type; None: an echo request."""

    iifname: str
    saddr: Host
    daddr: Host
    protocol: Protocol
    dport: int | None
    at: float  # Unix seconds


@dataclass(frozen=True, slots=True)
class Decision:
    """`reason`, `dnat` and `snat` are keys: `rule:12`, `auto:console`, "" for nothing. `packet` is as it arrives."""

    verdict: Literal["accept", "drop", "reject"]
    reason: str
    packet: Packet
    oifname: str = ""  # "" for this device
    dnat: str = ""
    snat: str = ""
    alg: bool = False


def decide(policy: Policy, packet: Packet) -> Decision:
    exempt = any(is_exempt(policy, host, packet.at) for host in (packet.saddr, packet.daddr))
    alg = None if exempt else _first(policy, packet, "alg", oif=None)
    if alg is not None and _role(policy, packet.iifname) in ("internal", "dmz"):
        return Decision("accept", alg.key, packet, alg=True)
    packet, dnat = _translated(policy, packet)
    if str(packet.daddr) in _own(policy):
        return replace(_input(policy, packet), dnat=dnat)
    oif = _route(policy, packet.daddr)
    if oif is None:
        return Decision("drop", "auto:no_route", packet, dnat=dnat)
    rule = _first(policy, packet, "forward", oif)
    if rule is not None:
        decision = Decision(_verdict(rule), rule.key, packet, oif.name, dnat)
    elif dnat:
        decision = Decision("accept", "auto:dnat", packet, oif.name, dnat)
    else:
        decision = Decision("drop", "auto:default_deny", packet, oif.name)
    return _source_translated(policy, decision, oif) if decision.verdict == "accept" else decision


def packet_of(policy: Policy, saddr: Host, daddr: Host, protocol: Protocol, dport: int | None, at: float) -> Packet:
    """With the interface by which it comes: that of its network, else the first external one."""
    interface = _route(policy, saddr)
    return Packet(interface.name if interface else "", saddr, daddr, protocol, dport, at)


def reaching(policy: Policy, host: Host) -> list[Rule]:
    """Rules that let somebody in to the host, or speak SIP with it: by its own address, or by a translation to it."""
    table = "input" if str(host) in _own(policy) else "forward"
    active = [rule for rule in deciding_rules(policy) if rule.enabled and not rule.expired and rule.activity != ()]
    let_in, closed = [], False
    for rule in (rule for rule in active if rule.table == table and not closed):
        closed = rule.activity is None and _drops_all(rule, host)
        if rule.action == "accept" and _holds(rule.destination, host):
            let_in.append(rule)
    translated = [rule for rule in active if rule.action == "dnat" and _holds(rule.target, host) and not closed]
    return [*let_in, *translated]


def _drops_all(rule: Rule, host: Host) -> bool:
    """Nothing behind it is asked for this host any more."""
    open_end = rule.source is None and rule.service is None and not (rule.from_zone or rule.to_zone)
    return rule.action in ("drop", "reject") and open_end and _holds(rule.destination, host)


def interface_of(policy: Policy, host: Host) -> Interface | None:
    """On whose network the host is; the longest prefix wins."""
    found = [
        (ipaddress.ip_interface(address).network.prefixlen, each)
        for each in policy.interfaces
        for address in each.addresses
        if host in ipaddress.ip_interface(address).network
    ]
    return max(found, key=lambda each: each[0])[1] if found else None


# --- Hook by hook ---


def _translated(policy: Policy, packet: Packet) -> tuple[Packet, str]:
    """After prerouting, and by which rule."""
    rule = _first(policy, packet, "dnat", oif=None)
    target = _target(rule, packet) if rule else None
    if rule is None or target is None:
        return packet, ""
    translated = packet._replace(daddr=target, dport=rule.target_port or packet.dport)
    return translated, rule.key if translated != packet else ""  # to where it goes anyway is no translation (ct status)


def _input(policy: Policy, packet: Packet) -> Decision:
    role = _role(policy, packet.iifname)
    activated = _first_activated(policy, packet)
    if activated is not None:
        return Decision(_verdict(activated), activated.key, packet)
    if role in ("internal", "management") and packet.protocol == "tcp" and packet.dport in policy.console_ports:
        return Decision("accept", "auto:console", packet)
    if role in ("internal", "dmz", "management") and _pings(packet):
        return Decision("accept", "auto:ping", packet)
    rule = _first(policy, packet, "input", oif=None)
    return Decision(_verdict(rule), rule.key, packet) if rule else Decision("drop", "auto:default_deny", packet)


def _pings(packet: Packet) -> bool:
    return packet.protocol == "icmp" and packet.dport in (None, ECHO_REQUEST[packet.daddr.version])


def _source_translated(policy: Policy, decision: Decision, oif: Interface) -> Decision:
    packet = decision.packet
    rule = _first(policy, packet, "snat", oif)
    if rule is not None:
        new = _target(rule, packet) if rule.action == "snat" else None
        new = _first_address(oif, packet.daddr.version) if rule.action == "masquerade" else new
        key = rule.key if new is not None else ""
    else:
        inside = interface_of(policy, packet.saddr)
        hidden = inside is not None and inside.role in ("internal", "dmz") and packet.saddr.version == 4
        new = _first_address(oif, 4) if oif.masquerade and hidden else None
        key = "auto:masquerade" if new is not None else ""
    return replace(decision, packet=packet._replace(saddr=new), snat=key) if new is not None else decision


# --- One rule ---


def _first_activated(policy: Policy, packet: Packet) -> Rule | None:
    """To this device: before what is automatic."""
    rules = (rule for _, rule in activated_rules(policy) if rule.table == "input")
    return next((rule for rule in rules if _matches(policy, rule, packet, None)), None)


def _first(policy: Policy, packet: Packet, table: str, oif: Interface | None) -> Rule | None:
    return next((rule for rule in _of(policy, table) if _matches(policy, rule, packet, oif)), None)


def _of(policy: Policy, table: str) -> Iterator[Rule]:
    """`alg` is the table of the rules that open the ALG; the others stand where they were written."""
    for rule in deciding_rules(policy):
        if rule.enabled and not rule.expired and ("alg" if rule.opens_alg else rule.table) == table:
            yield rule


def _matches(policy: Policy, rule: Rule, packet: Packet, oif: Interface | None) -> bool:
    if rule.from_zone and _role(policy, packet.iifname) != rule.from_zone:
        return False
    if oif is not None and rule.to_zone and oif.role != rule.to_zone:
        return False
    if rule.table == "dnat" and rule.destination is None and str(packet.daddr) not in _own(policy):
        return False
    if rule.action in ("dnat", "snat") and _target(rule, packet) is None:
        return False
    return (
        _holds(rule.source, packet.saddr)
        and _holds(rule.destination, packet.daddr)
        and _serves(rule.service, packet)
        and (rule.activity is None or any(first <= packet.at < last for first, last in rule.activity))
    )


def _holds(address: Address | None, host: Host) -> bool:
    if address is None:
        return True
    if address.moves:
        return (host in address.held) != address.negated
    spans = (notation.address_range(value) for value in address.values)
    return any(
        span.first.version == host.version and int(span.first) <= int(host) <= int(span.last) for span in spans
    )  # fmt: skip


def _serves(service: Service | None, packet: Packet) -> bool:
    return service is None or any(_fits(each, packet) for each in service.alternatives)


def _fits(service: Service, packet: Packet) -> bool:
    if service.protocol == "any":
        return True
    if service.protocol == "other":
        return packet.protocol == service.number
    protocols = ("tcp", "udp") if service.protocol == "both" else (service.protocol,)
    if packet.protocol not in protocols:
        return False
    ports = notation.port_ranges(service.ports)
    return not ports or (packet.dport is not None and any(first <= packet.dport <= last for first, last in ports))


def _target(rule: Rule, packet: Packet) -> Host | None:
    """The first address that it translates to in the packet's family, as compile takes it."""
    values = rule.target.values if rule.target else ()
    spans = (notation.address_range(value) for value in values)
    of_family = [span.first for span in spans if span.first.version == packet.daddr.version]
    return min(of_family, key=int, default=None)


def _verdict(rule: Rule) -> Literal["accept", "drop", "reject"]:
    return rule.action if rule.action in ("drop", "reject") else "accept"


# --- Interfaces ---


def _role(policy: Policy, name: str) -> str:
    return next((each.role for each in policy.interfaces if each.name == name), "")


def _own(policy: Policy) -> set[str]:
    return {str(ipaddress.ip_interface(address).ip) for each in policy.interfaces for address in each.addresses}


def _route(policy: Policy, host: Host) -> Interface | None:
    outside = next((each for each in policy.interfaces if each.role == "external"), None)
    return interface_of(policy, host) or outside


def _first_address(interface: Interface, version: int) -> Host | None:
    addresses = (ipaddress.ip_interface(address).ip for address in interface.addresses)
    return next((address for address in addresses if address.version == version), None)
