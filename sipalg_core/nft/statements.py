# SPDX-License-Identifier: GPL-2.0-or-later
"""What nftables rules are made of, as frozen values: expressions and statements; `str()` of one is its nft(8) syntax.

Nothing here takes free text: names, words, prefixes and comments must match a pattern, or ValueError is raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final, Literal, NamedTuple

# --- What may be written, without quotes or between them ---

TABLE_NAME: Final = re.compile(r"[a-z]{3,30}")
NAME: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")  # the underscore keeps it apart from nft's own words
WORD: Final = re.compile(r"[a-z0-9][a-z0-9_-]*( [a-z][a-z0-9_-]*)*")
INTERFACE: Final = re.compile(r"[A-Za-z0-9_.-]{1,15}\*?")  # IFNAMSIZ - 1
COMMENT: Final = re.compile(r"[A-Za-z0-9:_.,#/-]{1,120}")  # nft: 128 characters at most, and no way to quote a quote


def checked(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"{text!r} does not match {pattern.pattern}")
    return text


_DAY: Final = 86_400_000  # ms


def seconds(value: float) -> str:
    """A time; nft reads eight digits of a unit and no more, and a day has 86,400,000 ms."""
    days, milliseconds = divmod(round(value * 1000), _DAY)
    if not days:
        return f"{value:.0f}s" if value == int(value) else f"{value * 1000:.0f}ms"
    return f"{days}d" + (f"{milliseconds}ms" if milliseconds else "")


# --- Expressions: what can be compared, looked up and assigned ---


class Interface(str):
    """An interface's name (`lan0`, `ppp*`); written in quotes."""

    __slots__ = ()


class Named(str):
    """A reference to a named set or map of the same table; written `@name`."""

    __slots__ = ()


class Range(NamedTuple):
    """Inclusive, of addresses, ports or epochs."""

    first: int | IPv4Address | IPv6Address
    last: int | IPv4Address | IPv6Address


Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Constant = int | str | Address | Network | Range | Interface
"""A plain `str` is a word of nft's: `tcp`, `established`, `echo-request`."""


def constant(value: Constant | Named) -> str:
    match value:
        case Interface():
            return f'"{checked(INTERFACE, value)}"'
        case Named():
            return f"@{checked(NAME, value)}"
        case str():
            return checked(WORD, value)
        case Range():
            return f"{value.first}-{value.last}" if value.first != value.last else str(value.first)
        case IPv4Network() | IPv6Network() if value.prefixlen == value.max_prefixlen:
            return str(value.network_address)  # as nft lists it
    return str(value)


def listed(values: Iterable[str]) -> str:
    return "{ " + ", ".join(values) + " }"


@dataclass(frozen=True, slots=True)
class Field:
    """One selector, `ip saddr`, `udp dport`, `meta mark`, `ct state`, `fib daddr type`."""

    words: str

    def __str__(self) -> str:
        return checked(WORD, self.words)


@dataclass(frozen=True, slots=True)
class Concat:
    """A concatenation of selectors, the key of a set or map."""

    fields: tuple[Field, ...]

    def __str__(self) -> str:
        return " . ".join(map(str, self.fields))


@dataclass(frozen=True, slots=True)
class Masked:
    """`left & mask` or `left | mask`: single bits of a mark. Of a `Masked`, too: `ct mark & 0xffff0000 | 0x7`."""

    left: Field | Masked
    mask: int
    operator: Literal["&", "|"] = "&"

    def __str__(self) -> str:
        return f"{self.left} {self.operator} 0x{self.mask:08x}"


Key = Field | Concat


def selector(*words: str) -> Key:
    """`selector("ip saddr")`, or the concatenation `selector("ip saddr", "udp dport")`."""
    fields = tuple(Field(each) for each in words)
    return fields[0] if len(fields) == 1 else Concat(fields)


@dataclass(frozen=True, slots=True)
class Lookup:
    """The value a named map has for a key: `ip daddr . udp dport map @media_dnat`."""

    key: Key
    map: str

    def __str__(self) -> str:
        return f"{self.key} map @{checked(NAME, self.map)}"


# --- Statements, in the order they are run ---


@dataclass(frozen=True, slots=True)
class Match:
    """`left op right`; a tuple on the right is an anonymous set, `Named` a named one. Times are Unix seconds (UTC)."""

    left: Key | Masked
    right: Constant | Named | tuple[Constant, ...]
    operator: Literal["==", "!=", "<", "<=", ">", ">="] = "=="

    def __str__(self) -> str:
        if type(self.right) is tuple:
            right = listed(map(constant, self.right))
        elif isinstance(self.left, Masked) and isinstance(self.right, int):
            right = f"0x{self.right:08x}"
        else:
            right = constant(self.right)  # type: ignore[arg-type]  # a Range is a tuple, too
        shown = "" if self.operator == "==" and not isinstance(self.left, Masked) else f"{self.operator} "
        return f"{self.left} {shown}{right}"


@dataclass(frozen=True, slots=True)
class Assign:
    """`meta mark set 0x10000`, `ct mark set ct mark | 0x10000`."""

    left: Field
    value: int | Field | Masked

    def __str__(self) -> str:
        return f"{self.left} set " + (f"0x{self.value:08x}" if isinstance(self.value, int) else str(self.value))


@dataclass(frozen=True, slots=True)
class Update:
    """Add the key to a dynamic set, or where it `renews` also renew it there, for `timeout` seconds."""

    set: str
    key: Key
    timeout: float
    limit: Limit | None = None
    renews: bool = True

    def __str__(self) -> str:
        limit = f" {self.limit}" if self.limit else ""
        verb = "update" if self.renews else "add"
        return f"{verb} @{checked(NAME, self.set)} {{ {self.key} timeout {seconds(self.timeout)}{limit} }}"


@dataclass(frozen=True, slots=True)
class Connections:
    """Matches where the key has more than `over` connections; the dynamic set knows them, and forgets closed ones."""

    set: str
    key: Key
    over: int

    def __str__(self) -> str:
        return f"add @{checked(NAME, self.set)} {{ {self.key} ct count over {self.over} }}"


@dataclass(frozen=True, slots=True)
class Limit:
    """Matches up to `rate` packets (or, with `over`, from there on)."""

    rate: int
    per: Literal["second", "minute", "hour", "day"] = "second"
    burst: int = 5
    over: bool = False

    def __str__(self) -> str:
        return f"limit rate {'over ' if self.over else ''}{self.rate}/{self.per} burst {self.burst} packets"


@dataclass(frozen=True, slots=True)
class Counter:
    """The rule's own, or where it has a name, the table's of that name, which outlives the rule."""

    name: str = ""

    def __str__(self) -> str:
        return f"counter name {checked(NAME, self.name)}" if self.name else "counter"


@dataclass(frozen=True, slots=True)
class SetCtTimeout:
    """The table's `CtTimeout` of this name, for a connection that is not confirmed yet."""

    name: str

    def __str__(self) -> str:
        return f'ct timeout set "{checked(NAME, self.name)}"'


@dataclass(frozen=True, slots=True)
class Log:
    prefix: str
    group: int | None = None  # nflog group; without one: the kernel's log
    snaplen: int | None = None  # octets of the packet that go to the group

    def __str__(self) -> str:
        group = "" if self.group is None else f" group {self.group}"
        snaplen = "" if self.snaplen is None else f" snaplen {self.snaplen}"
        return f'log prefix "{checked(COMMENT, self.prefix)} "{group}{snaplen}'


@dataclass(frozen=True, slots=True)
class Verdict:
    """`accept`, `drop`, `return`, `jump <chain>`, `goto <chain>`."""

    kind: Literal["accept", "drop", "return", "continue", "jump", "goto"]
    chain: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {checked(NAME, self.chain)}" if self.chain else self.kind


ACCEPT: Final = Verdict("accept")
DROP: Final = Verdict("drop")
RETURN: Final = Verdict("return")


def jump(chain: str) -> Verdict:
    return Verdict("jump", chain)


def goto(chain: str) -> Verdict:
    return Verdict("goto", chain)


@dataclass(frozen=True, slots=True)
class VerdictMap:
    """`ct state vmap { established : accept, invalid : drop }`."""

    key: Key
    verdicts: tuple[tuple[Constant, Verdict], ...]

    def __str__(self) -> str:
        return f"{self.key} vmap {listed(f'{constant(value)} : {verdict}' for value, verdict in self.verdicts)}"


@dataclass(frozen=True, slots=True)
class Reject:
    """`how` is `icmpx admin-prohibited`, `tcp reset`, …"""

    how: str = "icmpx admin-prohibited"

    def __str__(self) -> str:
        return f"reject with {checked(WORD, self.how)}"


@dataclass(frozen=True, slots=True)
class Masquerade:
    def __str__(self) -> str:
        return "masquerade"


@dataclass(frozen=True, slots=True)
class Nat:
    """Translate to an address (and port), or to what a map says."""

    kind: Literal["snat", "dnat"]
    family: Literal["ip", "ip6"]
    to: Lookup | Field | Address
    port: int | None = None

    def __str__(self) -> str:
        to = str(self.to)
        if self.port is not None:
            to = f"[{to}]:{self.port}" if self.family == "ip6" else f"{to}:{self.port}"
        return f"{self.kind} {self.family} to {to}"


@dataclass(frozen=True, slots=True)
class Tproxy:
    """To the local transparent socket of the packet's own destination port. Matches nothing where there is none."""

    family: Literal["ip", "ip6"]
    address: Address

    def __str__(self) -> str:
        return f"tproxy {self.family} to {f'[{self.address}]' if self.family == 'ip6' else self.address}"


Statement = (
    Match | Assign | Update | Connections | Limit | Counter | Log | Verdict | VerdictMap | Reject | Masquerade | Nat
    | Tproxy | SetCtTimeout
)  # fmt: skip
