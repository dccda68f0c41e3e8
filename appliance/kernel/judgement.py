# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rules that decide now would say about connections that began under others. Pure; asks ruleset.decide."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, cast

from appliance.kernel.conntrack import Connection, Host, Way
from appliance.ruleset.compile import compile_alg
from appliance.ruleset.decide import Decision, Protocol, decide, interface_of, packet_of
from appliance.ruleset.policy import Policy
from sipalg_core.contract.policy import Network

Verdict = Literal["", "denied", "translated"]
"""Of a connection: as the rules say; no longer allowed; allowed, but translated in another way than it is."""

_SIP_PORTS: Final = frozenset({5060, 5061})


@dataclass(frozen=True, slots=True)
class Judgement:
    """`rule` is the key of the rule that decides about it now."""

    verdict: Verdict
    rule: str = ""
    dnat: str = ""
    snat: str = ""


class _Line(NamedTuple):
    """A peering of the ALG."""

    rule: str
    internal: tuple[Network, ...]
    external: tuple[Network, ...]
    ports: frozenset[int]


class Judge:
    """Of one policy at one time; what it was asked it remembers, for most connections are alike."""

    def __init__(self, policy: Policy, now: float) -> None:
        self._policy = policy
        self._now = now
        self._own = {ipaddress.ip_interface(text).ip for each in policy.interfaces for text in each.addresses}
        alg = compile_alg(policy)
        own_ports = range(alg.signalling_ports.first, alg.signalling_ports.last + 1)
        self._own_ports = _SIP_PORTS.union(own_ports)
        self._lines = [
            _Line(each.rule, each.internal, each.external, frozenset(each.ports)) for each in alg.peerings
        ]  # fmt: skip
        self._decided: dict[tuple[Host, Host, str, int], Decision] = {}

    def judge(self, connection: Connection) -> Judgement:
        sent = connection.sent
        if sent.source in self._own or sent.source.is_loopback:
            return Judgement("")  # the device's own
        if connection.of_call:
            return self._call(connection)
        line = self._signalling(sent)
        if line is not None:
            return Judgement("", line.rule)
        decision = self._decide(connection)
        if decision.verdict != "accept":
            return Judgement("denied", decision.reason, decision.dnat)
        packet, reply = decision.packet, connection.reply
        same = (packet.daddr, packet.saddr) == (reply.source, reply.destination)
        same &= connection.protocol not in ("tcp", "udp") or packet.dport == reply.sport
        return Judgement("" if same else "translated", decision.reason, decision.dnat, decision.snat)

    def zone(self, host: Host) -> str:
        """Where a host lies: a role of an interface, "own" for this device."""
        if host in self._own:
            return "own"
        interface = interface_of(self._policy, host)
        return interface.role if interface else "external"

    def _decide(self, connection: Connection) -> Decision:
        sent = connection.sent
        key = (sent.source, sent.destination, connection.protocol, sent.dport)
        decision = self._decided.get(key)
        if decision is None:
            port = sent.dport if connection.protocol in ("tcp", "udp") else None
            word = connection.protocol
            protocol: Protocol = int(word) if word.isdecimal() else cast(Protocol, word)
            packet = packet_of(self._policy, sent.source, sent.destination, protocol, port, self._now)
            decision = self._decided[key] = decide(self._policy, packet)
        return decision

    def _call(self, connection: Connection) -> Judgement:
        """Its phone must still be one of a SIP rule; which one it is, only the engine knows."""
        line = next((line for line in self._lines if any(_in(each, line.internal) for each in connection.hosts)), None)
        return Judgement("", line.rule) if line else Judgement("denied")

    def _signalling(self, sent: Way) -> _Line | None:
        """What the engine takes, or sends in the name of either side."""
        for line in self._lines:
            ports = self._own_ports | line.ports
            if not ports & {sent.sport, sent.dport}:
                continue
            outward = _in(sent.source, line.internal) and _in(sent.destination, line.external)
            to_inside = _in(sent.destination, line.internal) or sent.destination in self._own
            if outward or (_in(sent.source, line.external) and to_inside):
                return line
        return None


def _in(host: Host, networks: tuple[Network, ...]) -> bool:
    return any(host in network for network in networks)
