# SPDX-License-Identifier: GPL-2.0-or-later
"""Contents of moving objects into the kernel's named sets, and kept in files beside the policy for the next boot.

Runs in `netadmin`, and at boot, without a database. A set is filled before a rule asks it, in small transactions (the
kernel's commit lock), and deleted when no rule asks it. Hosts come and go in place. To delete one range of 40,000 takes
the kernel 3 ms, to delete the set with all of them less than 1 ms: where more than a few go, a new *generation* of the
set is filled and the rules are written anew. A new file stands beside the old one until the kernel has it: where
somebody died and left it there, the kernel is asked what it holds.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Protocol

from appliance.ruleset.compile import TABLE, layout, shared
from appliance.ruleset.compile.moving import moving, named_set
from appliance.ruleset.contents import moved
from appliance.ruleset.policy import Address, Policy
from appliance.ruleset.spans import WIDTH, Spans
from sipalg_core.contract import names
from sipalg_core.nft.ranges import Member, RangeTable
from sipalg_core.nft.ruleset import Add, Set, Transaction

log = logging.getLogger(__name__)

CHUNK: Final = 1000
"""Members of one transaction: 10 to 30 ms during which no other writer of the kernel's rules gets on."""

DELETIONS: Final = 8
"""Of ranges, so many are done in place."""

_PREFIX: Final = "s_"
_VERSIONS: Final = (4, 6)
_LARGEST_HOST_SET: Final = 100_000
"""Spans of hosts are written out singly; nobody resolves to more."""


class Kernel(Protocol):
    def apply(self, transaction: Transaction, /) -> None: ...
    def sets(self, name: str, /) -> list[str]: ...
    def asked(self, name: str, /, *prefixes: str) -> set[str]: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """What a set's file says."""

    name: str
    generation: str
    ranged: bool
    fingerprint: str
    path: Path

    def spans(self) -> Spans:
        with self.path.open("rb") as file:
            head = json.loads(file.readline())
            return Spans(file.read(head["ip"]), file.read(head["ip6"]))


@dataclass(frozen=True, slots=True)
class Filling:
    """Sets that must hold something else, and the file that says so beside the one before.

    `before` is what they hold already; None: ask the kernel, if they are there at all.
    """

    sets: dict[int, Set]
    held: Spans
    before: Spans | None = None
    coming: Path | None = None


# --- The verbs ---


def load(policy: Policy, kernel: Kernel) -> Policy:
    """Make and fill the sets that the policy's rules ask; the policy that asks their generations. OSError, NftError."""
    wanted = moving(policy)
    if not wanted:
        return policy
    present = _present(kernel)
    generations, fillings = {}, []
    for name, address in wanted.items():
        generations[name], filling = _compared(address, present)
        fillings += [filling] if filling else []
    _fill(fillings, kernel, present)
    return moved(policy, lambda address: replace(address, generation=generations.get(address.set, "")))


def restore(kernel: Kernel) -> list[str]:
    """Fill all sets from their files, for the rules of the last revision to stand on; the names."""
    stored = [each for each in map(_read, _folder().glob("s_*")) if each is not None]
    fillings = [Filling(_sets(each.name, each.generation, ranged=each.ranged), each.spans()) for each in stored]
    _fill(fillings, kernel, _present(kernel))
    return [each.name for each in stored]


def are_asked(sets: Iterable[Set], kernel: Kernel) -> bool:
    """Of each, at least one family: a rule's other end may have only one."""
    wanted = {_without_family(each.name) for each in sets}
    return not wanted or wanted <= _asked(kernel)


def sweep(kernel: Kernel) -> None:
    """Delete the sets that no rule asks, and the files of sets that are not there."""
    present = [name for name in kernel.sets(TABLE.name) if name.startswith((_PREFIX, shared.PREFIX))]
    if not present and not _folder().exists():
        return
    asked = kernel.asked(TABLE.name, _PREFIX, shared.PREFIX)
    kept = {_without_family(name) for name in asked if name.startswith(_PREFIX)}
    unused = sorted(name for name in present if name not in asked and _without_family(name) not in kept)
    if unused:
        table = RangeTable(TABLE.name)
        try:
            table.delete_sets(unused)
        except OSError as error:  # they are in nobody's way, and the next sweep finds them again
            log.warning("sets that no rule asks stay: %s", error)
        finally:
            table.close()
    stems = {"_".join(name.split("_")[:2]) for name in kept}
    for path in _folder().glob("*s_*"):
        if path.name.removeprefix(".") not in stems:
            path.unlink(missing_ok=True)


# --- Their steps ---


def _compared(address: Address, present: set[str]) -> tuple[str, Filling | None]:
    """Its generation, and what is to be done so that it is there; the file of that is written."""
    path = _folder() / address.set
    coming = path.with_name(f".{path.name}")
    stored, clean = _read(path), not coming.exists()
    sets = _sets(address.set, stored.generation, ranged=address.ranged) if stored else None
    standing = sets is not None and all(each.name in present for each in sets.values())
    if stored and standing and clean and stored.fingerprint == _fingerprint(address):
        return stored.generation, None
    before = stored.spans() if stored and standing and clean else None
    if sets is None or (address.ranged and not (standing and _few_deletions(before, address.held))):
        generation = _generation(address, stored) if address.ranged else ""
        sets, before = _sets(address.set, generation, ranged=address.ranged), None
    else:
        generation = stored.generation if stored else ""
    _write(coming, address, generation)
    return generation, Filling(sets, address.held, before, coming)


def _few_deletions(before: Spans | None, held: Spans) -> bool:
    return before is not None and all(
        len(set(before.spans(version)) - set(held.spans(version))) <= DELETIONS for version in _VERSIONS
    )


def _generation(address: Address, stored: Stored | None) -> str:
    """Another than that which rules may ask now."""
    fingerprint = _fingerprint(address)
    return fingerprint[:8] if stored is None or fingerprint[:8] != stored.generation else fingerprint[8:16]


def _fill(fillings: Sequence[Filling], kernel: Kernel, present: set[str]) -> None:
    if not fillings:
        return
    missing = [each for filling in fillings for each in filling.sets.values() if each.name not in present]
    if missing:
        kernel.apply((*layout.frame(), *map(Add, missing)))
    table = RangeTable(TABLE.name)  # one for all: to close it waits for the kernel's RCU
    try:
        for filling in fillings:
            for version, each in filling.sets.items():
                if each in missing and each.flags:
                    _fill_anew(each, filling.held.octets(version), WIDTH[version], table)
                    continue
                new = _members(filling.held, version, ranged=bool(each.flags))
                if each in missing:
                    old: Sequence[Member] = ()
                elif filling.before:
                    old = _members(filling.before, version, ranged=bool(each.flags))
                else:
                    old = table.members(each.name)
                for delete, add in steps(old, new):
                    table.change(each.name, delete=delete, add=add)
            if filling.coming:
                filling.coming.replace(filling.coming.with_name(filling.coming.name.removeprefix(".")))
    finally:
        table.close()


def _fill_anew(ranges: Set, octets: bytes, width: int, table: RangeTable) -> None:
    """Of a hundred thousand ranges none becomes an object."""
    step = 2 * width * CHUNK
    for at in range(0, len(octets), step):
        table.add_packed(ranges.name, octets[at : at + step], width)


def steps(old: Iterable[Member], new: Iterable[Member]) -> Iterator[tuple[list[Member], list[Member]]]:
    """Deletions and additions, transaction by transaction: what overlaps is in one, so that no address is missing."""
    was, will = set(old), set(new)
    moves = sorted([(member, False) for member in was - will] + [(member, True) for member in will - was])
    chunk: list[tuple[Member, bool]] = []
    last = b""
    for member, added in moves:
        if len(chunk) >= CHUNK and member.first > last:
            yield _parted(chunk)
            chunk = []
        chunk.append((member, added))
        last = max(last, member.last or member.first)
    if chunk:
        yield _parted(chunk)


def _parted(chunk: list[tuple[Member, bool]]) -> tuple[list[Member], list[Member]]:
    return [member for member, added in chunk if not added], [member for member, added in chunk if added]


def _members(spans: Spans, version: int, *, ranged: bool) -> list[Member]:
    if ranged:
        return [Member(first, last) for first, last in spans.spans(version)]
    hosts = []
    for first, last in spans.spans(version):
        start, end = int.from_bytes(first, "big"), int.from_bytes(last, "big")
        if end - start > _LARGEST_HOST_SET:
            raise OSError(f"a set of hosts cannot hold {end - start} of them")
        hosts += [Member(host.to_bytes(WIDTH[version], "big")) for host in range(start, end + 1)]
    return hosts


def _sets(name: str, generation: str, *, ranged: bool) -> dict[int, Set]:
    return {version: named_set(name, version, generation=generation, ranged=ranged) for version in _VERSIONS}


def _asked(kernel: Kernel) -> set[str]:
    return {_without_family(name) for name in kernel.asked(TABLE.name, _PREFIX)}


def _without_family(name: str) -> str:
    return name.rpartition("_")[0]


def _present(kernel: Kernel) -> set[str]:
    return {name for name in kernel.sets(TABLE.name) if name.startswith(_PREFIX)}


# --- Files ---


def _folder() -> Path:
    return names.sets_dir()


def _fingerprint(address: Address) -> str:
    return address.content.fingerprint if address.content else ""


def _read(path: Path) -> Stored | None:
    """None where there is no file, or no whole one."""
    try:
        with path.open("rb") as file:
            head = json.loads(file.readline())
            size = file.tell() + head["ip"] + head["ip6"]
        whole = path.stat().st_size == size
        return Stored(path.name, head["generation"], head["ranged"], head["fingerprint"], path) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(path: Path, address: Address, generation: str) -> None:
    held = address.held
    path.parent.mkdir(mode=0o770, exist_ok=True)
    head = {
        "fingerprint": _fingerprint(address), "generation": generation, "ranged": address.ranged, "ip": len(held.ip),
        "ip6": len(held.ip6),
    }  # fmt: skip
    with path.open("wb") as file:
        file.write(json.dumps(head).encode() + b"\n" + held.ip + held.ip6)
        file.flush()
        os.fsync(file.fileno())
