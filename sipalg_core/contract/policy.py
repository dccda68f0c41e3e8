# SPDX-License-Identifier: GPL-2.0-or-later
"""The ALG's policy: what `netadmin` compiled from the operator's rules, for engine and broker alike.

Frozen values, validated at the process boundary; `dump` and `load` are exact inverses.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from sipalg_core.net import Side

Network = IPv4Network | IPv6Network
Port = Annotated[int, Field(ge=1, le=65535)]

_FROZEN = ConfigDict(extra="forbid")

WIDEST_LEARNT = {4: 8, 6: 16}
"""Prefix lengths, by IP version: a wider network is no provider's, and media from there would be anybody's."""
SHORTEST_LIMIT_OF_CALL = 180
"""Seconds; a shorter longest call would end calls that people are in."""


def _off_or_long(seconds: float) -> float:
    if 0 < seconds < SHORTEST_LIMIT_OF_CALL:
        raise ValueError(f"0 (off), or {SHORTEST_LIMIT_OF_CALL} and more")
    return seconds


@dataclass(frozen=True, config=_FROZEN)
class Interface:
    """A network interface that the ALG takes signalling from. The first address of a family is the one it announces."""

    name: str
    side: Side
    addresses: tuple[str, ...]
    networks: tuple[Network, ...] = ()


@dataclass(frozen=True, config=_FROZEN)
class PortRange:
    """Inclusive."""

    first: Port
    last: Port


@dataclass(frozen=True, config=_FROZEN)
class Timers:
    """Seconds. Defaults and ranges: sip-alg reference section 5 (Juniper's, where it has the timer)."""

    inactive_media: Annotated[float, Field(ge=10, le=2550)] = 120
    maximum_call: Annotated[float, Field(ge=0, le=432_000), AfterValidator(_off_or_long)] = 43_200  # 0: off
    t1: Annotated[float, Field(ge=0.5, le=5)] = 0.5
    t4: Annotated[float, Field(ge=5, le=10)] = 5
    timer_c: Annotated[float, Field(ge=180, le=600)] = 180  # until the first provisional response
    provisional_invite: Annotated[float, Field(ge=10, le=3600)] = 210  # from each provisional response on
    teardown: Annotated[float, Field(ge=0, le=30)] = 5
    gate: Annotated[float, Field(ge=5, le=300)] = 60
    retry_denial: Annotated[float, Field(ge=0, le=3600)] = 5  # after a refusal from inside; 0: off


@dataclass(frozen=True, config=_FROZEN)
class MethodRate:
    """Requests of one method that one host may send in a second."""

    method: str
    per_second: Annotated[float, Field(gt=0, le=100_000)]


@dataclass(frozen=True, config=_FROZEN)
class SyntaxCheck:
    """What becomes of a message that fails the check of this name (`ParseError.reason`).

    `pass` sends it on as it came, untranslated and without effect; `respond` answers a request, else discards.
    """

    check: str
    action: Literal["pass", "respond", "discard"]


@dataclass(frozen=True, config=_FROZEN)
class Limits:
    """How much one internal host, one call or one message may take. 0: no limit of its own."""

    calls_per_host: Annotated[int, Field(ge=0, le=20_000)] = 0
    half_open_per_host: Annotated[int, Field(ge=0, le=20_000)] = 10_000
    media_lines: Annotated[int, Field(ge=1, le=64)] = 8
    ports_per_host: Annotated[int, Field(ge=1, le=100)] = 100  # percent of the media ports
    message: Annotated[int, Field(ge=1000, le=65_535)] = 65_535  # octets
    line: Annotated[int, Field(ge=78, le=8192)] = 8192  # octets
    rates: tuple[MethodRate, ...] = ()


@dataclass(frozen=True, config=_FROZEN)
class Handling:
    """What is done with messages and media beyond their translation."""

    blocked_methods: tuple[str, ...] = ()
    unknown_methods: Literal["pass", "drop"] = "pass"  # pass: with translation
    syntax: tuple[SyntaxCheck, ...] = ()  # a check that is not named responds
    hide_call_ids: bool = False
    hold_keeps_ports: bool = True
    dscp_media: Annotated[int, Field(ge=0, le=63)] | None = 46  # EF (RFC 3246); None: as it comes
    dscp_signalling: Annotated[int, Field(ge=0, le=63)] | None = None
    engine_down: Literal["drop", "forward"] = "drop"  # what the kernel does with SIP while no engine listens
    idle_path: Annotated[int, Field(ge=0, le=86_400)] = 0  # s, of SIP that passes without us; 0: as the kernel does


Translate = Literal["all", "ipv4", "none"]
"""Whose address we replace by ours; a network that is routed keeps its own and gets pinholes only."""


@dataclass(frozen=True, config=_FROZEN)
class Screening:
    """What the kernel turns away before anybody reads it. Bans never meet a host that a peering names singly."""

    ban: Annotated[float, Field(ge=0, le=432_000)] = 3600  # seconds; 0: nobody is banned
    ban_after: Annotated[int, Field(ge=1, le=1000)] = 10  # in a minute: packets of a stranger, or abuses of a peer
    connections_per_host: Annotated[int, Field(ge=1, le=1000)] = 16  # TCP, for SIP
    connections_of_strangers: Annotated[int, Field(ge=1, le=10_000)] = 128  # of hosts that no peering names singly
    connections: Annotated[int, Field(ge=1, le=10_000)] = 512


@dataclass(frozen=True, config=_FROZEN)
class Peering:
    """One SIP rule of the operator: these internal hosts may speak SIP with this provider.

    `timers`, `limits` and `handling` replace the policy's own for this peering, each as a whole.
    """

    rule: str  # "rule:12", shown as the reason of what follows from it
    name: str
    internal: tuple[Network, ...]
    external: tuple[Network, ...]  # the provider's signalling addresses
    media: tuple[Network, ...] = ()  # where its media comes from before the answer names the endpoint (gate)
    ports: tuple[Port, ...] = (5060,)
    symmetric_media: bool = False  # RFC 4961: it sends RTP from the port it announces
    learn_media: bool = False  # where its media comes from elsewhere in `media` than it says, that source is let in
    media_hosts: tuple[Network, ...] = ()  # internal hosts, other than the sender, that its descriptions may name
    translate: Translate = "all"
    outside: tuple[str, ...] = ()  # which of our addresses it uses, one of a family; else the first there is
    until: float | None = (
        None  # Unix seconds; then its signalling and its calls end, whoever is alive (contract.running)
    )
    shadow: bool = False  # decide everything, change nothing: messages go on as they came, nothing is opened
    timers: Timers | None = None
    limits: Limits | None = None
    handling: Handling | None = None

    def translates(self, host: str) -> bool:
        """Whether this internal host has an address of ours towards the provider, and not its own."""
        return self.translate == "all" or (self.translate == "ipv4" and ":" not in host)

    @property
    def learns_from(self) -> tuple[Network, ...]:
        """Where media may come from that no description names (alg.learning)."""
        learnt = (each for each in self.media if each.prefixlen >= WIDEST_LEARNT[each.version])
        return tuple(learnt) if self.learn_media else ()


@dataclass(frozen=True, config=_FROZEN)
class Exemption:
    """Servers whose SIP the ALG leaves alone until `until` (Unix seconds); None until somebody lifts it."""

    reason: str  # "activation:12"
    networks: tuple[Network, ...]
    until: float | None = None


@dataclass(frozen=True, config=_FROZEN)
class AlgPolicy:
    revision: int
    enabled: bool = True
    interfaces: tuple[Interface, ...] = ()
    peerings: tuple[Peering, ...] = ()
    media_ports: PortRange = PortRange(20000, 29999)
    signalling_ports: PortRange = PortRange(30000, 30999)  # where an internal port is taken on our address
    timers: Timers = Timers()
    limits: Limits = Limits()
    handling: Handling = Handling()
    screening: Screening = Screening()
    exemptions: tuple[Exemption, ...] = ()
    ended: tuple[Peering, ...] = ()  # rules whose time is over: their calls end

    @property
    def external_addresses(self) -> tuple[str, ...]:
        """All of ours that the outside knows."""
        return tuple(each for one in self.interfaces if one.side is Side.EXTERNAL for each in one.addresses)

    def external_address(self, version: int = 4) -> str | None:
        """The address we announce to the outside, or None where no external interface has one."""
        return next((each for each in self.external_addresses if (":" in each) == (version == 6)), None)

    def outside_of(self, peering: Peering, host: str) -> str | None:
        """What this internal host's address is to the peering's provider: one of ours of its family, or its own."""
        if not peering.translates(host):
            return host
        chosen = (each for each in peering.outside if (":" in each) == (":" in host))
        return next(chosen, None) or self.external_address(6 if ":" in host else 4)

    def is_inside(self, network: Network) -> bool:
        """Whether it lies whole behind an internal interface: then both parties of its peering do."""
        return any(
            network.version == each.version and network.prefixlen >= each.prefixlen and network.network_address in each
            for one in self.interfaces
            if one.side is Side.INTERNAL
            for each in one.networks
        )

    @property
    def longest_silence(self) -> float:
        """Seconds for which the kernel keeps a silent pinhole; where a peering allows less, the engine closes it."""
        return max((self.timers_of(each).inactive_media for each in self.peerings), default=self.timers.inactive_media)

    def timers_of(self, peering: Peering) -> Timers:
        return peering.timers or self.timers

    def limits_of(self, peering: Peering) -> Limits:
        return peering.limits or self.limits

    def handling_of(self, peering: Peering) -> Handling:
        return peering.handling or self.handling


EMPTY = AlgPolicy(revision=0, enabled=False)
"""Nothing is intercepted: what engine and broker run with until a policy exists."""

_adapter: TypeAdapter[AlgPolicy] = TypeAdapter(AlgPolicy)


class PolicyError(ValueError):
    """The text is no valid ALG policy; the message names the field."""


def dump(policy: AlgPolicy) -> bytes:
    return _adapter.dump_json(policy, indent=1)


def load(text: bytes) -> AlgPolicy:
    try:
        return _adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "(whole)"
        raise PolicyError(f"{field}: {first['msg']}") from error


def read(path: Path) -> AlgPolicy:
    """The policy at `path`, or EMPTY where there is none yet."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return EMPTY
    return load(text)
