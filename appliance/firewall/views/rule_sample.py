# SPDX-License-Identifier: GPL-2.0-or-later
"""The packet that "Test this rule" asks about: of its objects' addresses or somebody of its sides, by its service."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_interface
from itertools import islice
from typing import Final

from appliance.network.queries import interfaces
from appliance.ruleset.decide import Host
from appliance.ruleset.policy import Address, Rule
from appliance.system.queries import rule_asked

ANY_PORT: Final = "443"
"""Where a service takes all of them."""
NOBODY: Final = {4: ip_address("198.51.100.1"), 6: ip_address("2001:db8::1")}
"""Of the Internet, for documentation (RFC 5737, RFC 3849)."""
TRIED: Final = 4
"""Addresses of a range, until one is not our own."""


def sample(rule: int) -> dict[str, str]:
    """Of a row, as fields of firewall.forms.PacketForm; an end that cannot be told is empty."""
    asked = rule_asked(rule, draft=True)
    if asked is None:
        return {}
    sides = [(each.role, ip_interface(address)) for each in interfaces() for address in each.addresses]
    own: list[tuple[str, Host]] = [(role, address.ip) for role, address in sides]
    for version in (4, 6):
        near = [
            (role, host)
            for role, address in sides
            if address.version == version
            for host in islice((host for host in address.network.hosts() if host != address.ip), 1)
        ]
        source = _source(asked, version, near, own)
        destination = _destination(asked, version, near, own)
        if source is not None and destination is not None:
            return {"saddr": str(source), "daddr": str(destination)} | _way(asked)
    return {"saddr": "", "daddr": ""} | _way(asked)


Sides = list[tuple[str, Host]]


def _source(rule: Rule, version: int, near: Sides, own: Sides) -> Host | None:
    if rule.source is not None:
        return _of(rule.source, version, own)
    return _somebody(rule.from_zone or ("external" if rule.table == "dnat" else "internal"), version, near)


def _destination(rule: Rule, version: int, near: Sides, own: Sides) -> Host | None:
    """To this device, or by translation of its address, where the table says so."""
    if rule.table in ("input", "dnat"):
        if rule.destination is not None:
            return _of(rule.destination, version, [])
        wanted = rule.from_zone or ("external" if rule.table == "dnat" else "internal")
        return next((host for role, host in own if role == wanted and host.version == version), None)
    if rule.destination is not None:
        return _of(rule.destination, version, own)
    return _somebody(rule.to_zone or ("internal" if rule.from_zone == "external" else "external"), version, near)


def _somebody(role: str, version: int, near: Sides) -> Host | None:
    there = next((host for side, host in near if side == role), None)
    return NOBODY[version] if there is None and role == "external" else there


def _of(address: Address, version: int, own: Sides) -> Host | None:
    """Of those that the object holds now; a firewall is seldom whom somebody means."""
    if address.negated:
        return NOBODY[version] if NOBODY[version] not in address.held else None
    ours = {host for _role, host in own}
    return next((host for host in _held(address, version) if host not in ours), None)


def _held(address: Address, version: int) -> Iterator[Host]:
    for first, last in address.held.spans(version):
        begin, end = ip_address(first), ip_address(last)
        skip = 1 if int(end) - int(begin) > 2 else 0  # the address of a network is nobody's
        for offset in range(skip, min(int(end) - int(begin) + 1, TRIED)):
            yield begin + offset


def _way(rule: Rule) -> dict[str, str]:
    """Protocol and port, or number, that fit the service. Anything does: a ping, but to this device, where an automatic
    rule takes those.
    """
    fits = next(iter(rule.service.alternatives), None) if rule.service else None
    if fits is not None and fits.protocol == "icmp":
        return {"protocol": "icmp"}
    if fits is None or fits.protocol == "any":
        return {"protocol": "udp", "dport": ANY_PORT} if rule.table == "input" else {"protocol": "icmp"}
    if fits.protocol == "other":
        return {"protocol": "other", "number": str(fits.number)}
    protocol = "udp" if fits.protocol == "both" else fits.protocol
    return {"protocol": protocol, "dport": fits.ports.replace("-", ",").partition(",")[0].strip() or ANY_PORT}
