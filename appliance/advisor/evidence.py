# SPDX-License-Identifier: GPL-2.0-or-later
"""All that the checks look at, as frozen values: the running policy, what the engine tells, what the kernel tracks.

What could not be had is None, and the checks that need it are not made; they never take silence for health.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from appliance.ruleset.activations import is_exempt
from appliance.ruleset.notation import LAST_PORT, port_ranges
from appliance.ruleset.policy import Policy, Rule, Service
from sipalg_core.contract.events import CallRow, HealthRow, OpeningRow, RegistrationRow, TraceRow

Host = ipaddress.IPv4Address | ipaddress.IPv6Address


class Flow(NamedTuple):
    """A connection between an inside host and an outside one, as the kernel tracks it. `answered`: both ways."""

    protocol: str
    inside: str
    sport: int
    outside: str
    dport: int
    outbound: bool
    answered: bool
    of_call: bool


class Old(NamedTuple):
    """A connection that began under other rules: `udp 192.168.0.2:5060 → 203.0.113.1:5060`."""

    connection: str
    translated: bool  # the rules would allow it and translate it differently; else they would not allow it


class Helper(NamedTuple):
    """A rule that hands connections to the kernel's own SIP helper, and the command that deletes it."""

    rule: str  # `inet other, prerouting`
    command: str


@dataclass(frozen=True, slots=True)
class Kernel:
    """`helpers` is who hands connections to the kernel's own SIP helper, `helped` some that it has, and `modules` those
    of it that are loaded."""

    flows: tuple[Flow, ...]
    udp_stream_timeout: int  # seconds
    old_connections: int
    old: tuple[Old, ...] = ()  # some of them
    helpers: tuple[Helper, ...] = ()
    helped: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Engine:
    """`messages` are those of the latest calls, `call_of` says by their ids of which."""

    health: HealthRow
    registrations: tuple[RegistrationRow, ...]
    calls: tuple[CallRow, ...]
    openings: tuple[OpeningRow, ...]
    messages: tuple[TraceRow, ...]
    bans: tuple[dict[str, Any], ...]
    call_of: dict[str, str] = field(default_factory=dict)


class Refused(NamedTuple):
    """A call that we refused, why, and when (Unix seconds)."""

    call: str  # CallRow.id
    internal: str
    reason: str
    at: float


class Use(NamedTuple):
    """Of a rule: seconds since anybody began to count, and since it was last hit (None: never); packets today (UTC)."""

    counted: float
    last: float | None
    today: int = 0


class Moving(NamedTuple):
    """An object whose addresses come from elsewhere: why it could not be refreshed, and the age of what it holds."""

    ident: int
    name: str
    error: str
    age: float | None  # seconds


class Moved(NamedTuple):
    """Our address on an external interface became another one."""

    interface: str
    addresses: tuple[str, ...]
    ago: float


@dataclass(frozen=True, slots=True)
class Evidence:
    at: float  # Unix seconds
    policy: Policy  # that decides now; windows resolved, contents laid in
    engine: Engine | None = None
    kernel: Kernel | None = None
    uses: dict[int, Use] = field(default_factory=dict)  # by Rule.id
    moving: tuple[Moving, ...] = ()
    country_data_age: float | None = None  # seconds; None without country objects
    moved: tuple[Moved, ...] = ()
    refused: tuple[Refused, ...] = ()  # of the last day
    settled: dict[str, float] = field(default_factory=dict)  # by path of an ALG setting: since when it is as it is

    # --- what the policy means for telephony ---

    def rules(self, table: str = "") -> Iterator[Rule]:
        """Those that may match now or later."""
        for rule in self.policy.rules:
            if rule.enabled and not rule.expired and rule.activity != () and table in ("", rule.table):
                yield rule

    def handled(self, host: Host) -> list[Rule]:
        """SIP rules by which the ALG handles this inside host, but for exempt servers."""
        return [rule for rule in self.rules() if rule.opens_alg and holds(rule.source, host) and self.serves(rule)]

    def serves(self, rule: Rule) -> bool:
        """Whether the ALG has anything to do by this SIP rule: not all of its servers are exempt."""
        servers = set(rule.destination.held.texts()) if rule.destination else set()
        return not servers or not all(self.is_exempt(ipaddress.ip_address(each.split("-")[0])) for each in servers)

    def is_exempt(self, server: Host) -> bool:
        return is_exempt(self.policy, server, self.at)

    def forwardings(self) -> Iterator[tuple[Rule, Host]]:
        """DNAT rules and the inside host that they lead to."""
        for rule in self.rules("dnat"):
            target = next(rule.target.held.texts(), "") if rule.target and rule.action == "dnat" else ""
            if target:
                yield rule, ipaddress.ip_address(target.split("-")[0])

    def inside(self, host: Host) -> bool:
        """Whether it lies behind us."""
        return any(
            host in ipaddress.ip_interface(address).network
            for interface in self.policy.interfaces
            if interface.role in ("internal", "dmz")
            for address in interface.addresses
        )


def holds(address: Any, host: Host) -> bool:
    """Whether the object (policy.Address, or None for any) stands for this host."""
    return address is None or (host in address.held) != address.negated


def opens(service: Service | None, protocol: str, port: int) -> bool:
    """Whether the service is for packets to this port, too."""
    return any(first <= port <= last for first, last in spans(service, protocol))


def spans(service: Service | None, protocol: str) -> list[tuple[int, int]]:
    """The ports of a protocol that a service (None: any) is for."""
    if service is None:
        return [(1, LAST_PORT)]
    found = []
    for each in service.alternatives:
        if each.protocol == "any" or each.protocol in (protocol, "both"):
            found += [(part.first, part.last) for part in port_ranges(each.ports)] if each.ports else [(1, LAST_PORT)]
    return found
