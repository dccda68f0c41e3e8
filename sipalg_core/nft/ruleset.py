# SPDX-License-Identifier: GPL-2.0-or-later
"""An nftables ruleset as frozen values: tables, chains, sets, rules, and commands on them; `str()` is nft(8) syntax.

Why text and not libnftables' JSON: the JSON parser of nft 1.0.6 has no flag `dynamic`, dies (SIGSEGV) of a map whose
data is a concatenation, and reports every error at 0:0. Text has all of it, and an error's line names the command.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from sipalg_core.nft.statements import (
    COMMENT,
    NAME,
    TABLE_NAME,
    WORD,
    Constant,
    Statement,
    checked,
    constant,
    listed,
    seconds,
)

# --- Objects: what can be added, flushed and deleted ---


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    family: Literal["inet", "ip", "ip6"] = "inet"

    kind: ClassVar = "table"
    definition: ClassVar = ""

    @property
    def address(self) -> str:
        return f"{self.family} {checked(TABLE_NAME, self.name)}"


@dataclass(frozen=True, slots=True)
class Hook:
    """What makes a chain a base chain."""

    type: Literal["filter", "nat", "route"]
    hook: Literal["prerouting", "input", "forward", "output", "postrouting"]
    priority: int
    policy: Literal["accept", "drop"] = "accept"


@dataclass(frozen=True, slots=True)
class Chain:
    table: Table
    name: str
    hook: Hook | None = None

    kind: ClassVar = "chain"

    @property
    def address(self) -> str:
        return f"{self.table.address} {checked(NAME, self.name)}"

    @property
    def definition(self) -> str:
        hook = self.hook
        if hook is None:
            return ""
        return f" {{ type {hook.type} hook {hook.hook} priority {hook.priority} ; policy {hook.policy} ; }}"


@dataclass(frozen=True, slots=True)
class Set:
    """A named set, or a map where it has `data`. `type` and `data` are nft types (`ipv4_addr`, `inet_service`).

    `values` are what it holds from the start, for keys of one part.
    """

    table: Table
    name: str
    type: tuple[str, ...]
    data: tuple[str, ...] = ()
    flags: tuple[Literal["interval", "dynamic", "timeout", "constant"], ...] = ()
    timeout: float | None = None  # seconds
    size: int | None = None
    counter: bool = False
    values: tuple[Constant, ...] = ()

    @property
    def kind(self) -> str:
        return "map" if self.data else "set"

    @property
    def address(self) -> str:
        return f"{self.table.address} {checked(NAME, self.name)}"

    @property
    def definition(self) -> str:
        types = " . ".join(checked(WORD, each) for each in self.type)
        if self.data:
            types += " : " + " . ".join(checked(WORD, each) for each in self.data)
        parts = [f"type {types}"]
        if self.flags:
            parts.append("flags " + ", ".join(self.flags))
        if self.timeout is not None:
            parts.append(f"timeout {seconds(self.timeout)}")
        if self.size is not None:
            parts.append(f"size {self.size}")
        if self.counter:
            parts.append("counter")
        if self.values:
            parts.append("elements = " + listed(map(constant, self.values)))
        return " { " + " ; ".join(parts) + " ; }"


@dataclass(frozen=True, slots=True)
class NamedCounter:
    """Counts for all rules that name it, and goes on counting when they are replaced."""

    table: Table
    name: str

    kind: ClassVar = "counter"
    definition: ClassVar = ""

    @property
    def address(self) -> str:
        return f"{self.table.address} {checked(NAME, self.name)}"


@dataclass(frozen=True, slots=True)
class CtTimeout:
    """For how many `seconds` without a packet connections of UDP live that a rule gives it to."""

    table: Table
    name: str
    family: Literal["ip", "ip6"]
    seconds: int

    kind: ClassVar = "ct timeout"

    @property
    def address(self) -> str:
        return f"{self.table.address} {checked(NAME, self.name)}"

    @property
    def definition(self) -> str:
        policy = f"policy = {{ unreplied : {self.seconds}, replied : {self.seconds} }}"
        return f" {{ protocol udp ; l3proto {self.family} ; {policy} ; }}"


@dataclass(frozen=True, slots=True)
class Elements:
    """Elements of a named set: each a tuple of the key's parts. Thousands at a time: cut them (design: commit lock)."""

    set: Set
    keys: tuple[tuple[Constant, ...], ...]
    timeout: float | None = None  # seconds; only for adding

    kind: ClassVar = "element"

    @property
    def address(self) -> str:
        return self.set.address

    @property
    def definition(self) -> str:
        timeout = "" if self.timeout is None else f" timeout {seconds(self.timeout)}"
        return " " + listed(" . ".join(map(constant, key)) + timeout for key in self.keys)


@dataclass(frozen=True, slots=True)
class Rule:
    """`comment` names the rule in errors and counters: `rule:<id>` of the operator's rule, or a generated word."""

    chain: Chain
    statements: tuple[Statement, ...]
    comment: str = ""

    kind: ClassVar = "rule"

    @property
    def address(self) -> str:
        return self.chain.address

    @property
    def definition(self) -> str:
        comment = f' comment "{checked(COMMENT, self.comment)}"' if self.comment else ""
        return " " + " ".join(map(str, self.statements)) + comment


# --- Commands ---

Object = Table | Chain | Set | NamedCounter | CtTimeout | Elements | Rule


@dataclass(frozen=True, slots=True)
class Add:
    what: Object

    def __str__(self) -> str:
        return f"add {self.what.kind} {self.what.address}{self.what.definition}"


@dataclass(frozen=True, slots=True)
class Delete:
    what: Table | Chain | Set | CtTimeout | Elements

    def __str__(self) -> str:
        definition = self.what.definition if isinstance(self.what, Elements) else ""
        return f"delete {self.what.kind} {self.what.address}{definition}"


@dataclass(frozen=True, slots=True)
class Flush:
    """Empty a table (its chains stay, without rules), a chain or a set."""

    what: Table | Chain | Set

    def __str__(self) -> str:
        return f"flush {self.what.kind} {self.what.address}"


Command = Add | Delete | Flush
Transaction = tuple[Command, ...]


def to_text(transaction: Iterable[Command]) -> str:
    """What `nft -f` and libnftables take: one command a line, in order, all or nothing."""
    return "".join(f"{command}\n" for command in transaction)
