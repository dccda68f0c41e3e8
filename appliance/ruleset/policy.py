# SPDX-License-Identifier: GPL-2.0-or-later
"""The operator's policy as frozen values: what a revision keeps, and all that verify and compile see. No Django here.

`dump` and `load` are exact inverses. Groups are resolved already: an `Address` is all values it stands for. What an
object that moves holds is no part of a policy and of no dump; ruleset.contents lays it in for those who ask.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from appliance.ruleset.spans import Content, Spans

Role = Literal["internal", "external", "dmz", "management"]

_FROZEN = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_FROZEN)
class Interface:
    name: str
    role: Role
    addresses: tuple[str, ...]  # "192.168.0.1/24"
    masquerade: bool = False


@dataclass(frozen=True, config=_FROZEN)
class Address:
    """`values` in the notation of ruleset.notation; none for an empty group.

    It moves where it has `lookups` (ruleset.resolution) or `countries` (ISO 3166-1 alpha-2): then all that it holds,
    its values too, stands in named sets of the kernel; `content` is what they hold, once somebody has laid it in.
    """

    name: str
    values: tuple[str, ...]
    lookups: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    negated: bool = False  # everybody else
    content: Annotated[Any, Field(exclude=True)] = dataclasses.field(default=None, compare=False, repr=False)
    generation: Annotated[str, Field(exclude=True)] = dataclasses.field(default="", compare=False)  # ruleset.sets

    @property
    def moves(self) -> bool:
        return bool(self.lookups or self.countries)

    @property
    def ranged(self) -> bool:
        """Its sets hold ranges; else single hosts."""
        return bool(self.countries) or any("/" in value or "-" in value for value in self.values)

    @property
    def set(self) -> str:
        """By what it is made of, so that two revisions with different ideas of an object do not share a set."""
        made_of = "\n".join((*sorted(self.values), "", *sorted(self.lookups), "", *sorted(self.countries)))
        return f"s_{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"

    @property
    def empty(self) -> bool:
        content: Content | None = self.content
        return content is None or content.empty if self.moves else not self.values

    @property
    def held(self) -> Spans:
        """All addresses that it stands for now, `negated` aside; what moves is none where nobody has laid it in."""
        content: Content | None = self.content
        return content.spans if content else Spans.of(() if self.moves else self.values)


@dataclass(frozen=True, config=_FROZEN)
class Service:
    """`other` is a protocol by its `number`; a `group` is what its members are, and they are no groups."""

    name: str
    protocol: Literal["udp", "tcp", "both", "icmp", "any", "other", "group"]
    ports: str = ""  # notation.port_ranges
    application: Literal["", "sip"] = ""
    number: Annotated[int, Field(ge=0, le=255)] | None = None
    members: tuple[Service, ...] = ()

    @property
    def alternatives(self) -> tuple[Service, ...]:
        return self.members if self.protocol == "group" else (self,)


class Window(NamedTuple):
    """Unix seconds (UTC); it ends when `last` begins."""

    first: int
    last: int


@dataclass(frozen=True, config=_FROZEN)
class Schedule:
    """Every week on these days, in this zone's own time; `end` before `begin` is on the next day."""

    name: str
    weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...]  # 0 is Monday
    begin: str  # "08:00"
    end: str
    timezone: str


@dataclass(frozen=True, config=_FROZEN)
class Rule:
    """None and "" mean any. `position` counts within the table."""

    id: int
    position: int
    name: str
    action: Literal["accept", "drop", "reject", "dnat", "snat", "masquerade"]
    source: Address | None = None
    destination: Address | None = None
    service: Service | None = None
    from_zone: Role | Literal[""] = ""
    to_zone: Role | Literal[""] = ""
    log: bool = False
    enabled: bool = True
    table: Literal["forward", "dnat", "snat", "input"] = "forward"
    section: str = ""
    target: Address | None = None  # where dnat and snat translate to
    target_port: Annotated[int, Field(ge=1, le=65535)] | None = None
    until: int | None = None  # Unix seconds (UTC)
    expired: bool = False  # it was seen to end: a clock that is set back does not make it young again
    schedule: Schedule | None = None
    prepared: bool = False  # a technician may start it for a time
    windows: tuple[Window, ...] | None = None  # of the schedule; ruleset.schedule.resolve

    @property
    def key(self) -> str:
        """The comment in the kernel and the reason in the ALG."""
        return f"rule:{self.id}"

    @property
    def opens_alg(self) -> bool:
        """Not a hole in the packet filter, but a permission to speak SIP: the ALG opens what the calls need."""
        return (
            self.enabled
            and not self.expired
            and self.table == "forward"
            and self.action == "accept"
            and self.service is not None
            and bool(self.service.application)
        )

    @property
    def activity(self) -> tuple[Window, ...] | None:
        """When it may match: None for always, () for never (again)."""
        if self.expired or (self.schedule and self.windows is None):
            return ()
        if self.until is None:
            return self.windows
        until = self.until
        windows = (Window(0, until),) if self.windows is None else self.windows
        return tuple(Window(first, min(last, until)) for first, last in windows if first < until)


@dataclass(frozen=True, config=_FROZEN)
class Provider:
    name: str
    signalling: str  # name of the address object
    media: Address | None = None
    symmetric_media: bool = False


@dataclass(frozen=True, config=_FROZEN)
class AlgSettings:
    """What is set of the ALG, for all providers ("") or for one; what is not named is inherited.

    The names are paths in sipalg_core.contract.policy (`timers.t1`), the values in its units.
    """

    provider: str
    values: dict[str, Any]


@dataclass(frozen=True, config=_FROZEN)
class Activation:
    """What acts at once, on top of the revision, until its end: a rule, or servers that the ALG leaves alone."""

    id: int
    until: int | None = None  # Unix seconds (UTC)
    rule: Rule | None = None
    exempt: tuple[str, ...] = ()  # in the notation of ruleset.notation


@dataclass(frozen=True, config=_FROZEN)
class Policy:
    """`activations` are no part of a revision: they are put on top when it is read (system.queries.policy_now)."""

    revision: int
    node: str
    interfaces: tuple[Interface, ...] = ()
    rules: tuple[Rule, ...] = ()  # in the order in which they decide
    providers: tuple[Provider, ...] = ()
    settings: tuple[AlgSettings, ...] = ()
    console_ports: tuple[int, ...] = (22, 443, 8000)
    activations: tuple[Activation, ...] = ()

    def names_of(self, *roles: Role) -> tuple[str, ...]:
        return tuple(interface.name for interface in self.interfaces if interface.role in roles)


_adapter: TypeAdapter[Policy] = TypeAdapter(Policy)
_addresses: TypeAdapter[Address] = TypeAdapter(Address)
_activations: TypeAdapter[Activation] = TypeAdapter(Activation)
_rules: TypeAdapter[Rule] = TypeAdapter(Rule)


def dump(policy: Policy) -> dict[str, Any]:
    """Plain JSON values."""
    plain: dict[str, Any] = _adapter.dump_python(policy, mode="json")
    return plain


def load(plain: Any) -> Policy:
    """Raise ValueError (pydantic's) where a value is none of ours."""
    return _adapter.validate_python(plain)


def load_address(plain: Any) -> Address:
    return _addresses.validate_python(plain)


def load_activation(plain: Any) -> Activation:
    return _activations.validate_python(plain)


def dump_rule(rule: Rule) -> dict[str, Any]:
    """For an activation, which outlives the revision that the rule was taken from."""
    plain: dict[str, Any] = _rules.dump_python(rule, mode="json")
    return plain
