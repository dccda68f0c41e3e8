# SPDX-License-Identifier: GPL-2.0-or-later
"""The only importer of libnftables: checks and applies whole transactions, lists tables, reads counters."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, cast

from sipalg_core.nft.elements import ElementTable
from sipalg_core.nft.inventory import Inventory
from sipalg_core.nft.netlink import NetlinkSocket
from sipalg_core.nft.ruleset import Add, Command, Rule, to_text

# --- Implementation constants ---

_LIBRARY: Final = Path("/usr/lib/python3/dist-packages/nftables/__init__.py")
"""Debian's python3-nftables, by explicit path: the venv sees no system packages, PyPI's copy has no dry run."""

_LOCATION: Final = re.compile(r"^/proc[^:\s]*:(\d+):\d+(?:-\d+)?: Error: (.*)$", re.MULTILINE)
"""How an error in a file begins, `/proc/self/fd/7:3:1-20: Error: No such chain`. In a buffer it has no line number."""


class NftError(Exception):
    """nft refused a transaction. `command` is the refused one where nft said which, `comment` its rule's."""

    def __init__(self, text: str, command: Command | None = None) -> None:
        self.text = text
        self.command = command
        super().__init__(f"{text} ({command})" if command else text)

    @property
    def comment(self) -> str:
        """`rule:<id>` of the refused rule, "" where it was no rule."""
        what = self.command.what if isinstance(self.command, Add) else None
        return what.comment if isinstance(what, Rule) else ""


class Count(NamedTuple):
    packets: int
    bytes: int


class _Nftables(Protocol):
    def cmd(self, cmdline: str) -> tuple[int, str, str]: ...
    def set_json_output(self, val: bool) -> bool: ...
    def set_terse_output(self, val: bool) -> int: ...
    def set_dry_run(self, onoff: bool) -> bool: ...


def _load() -> _Nftables:
    module = sys.modules.get("nftables")
    if module is None:
        spec = importlib.util.spec_from_file_location("nftables", _LIBRARY)
        if spec is None or spec.loader is None or not _LIBRARY.exists():
            raise NftError(f"{_LIBRARY} is missing: install Debian's package python3-nftables")
        module = importlib.util.module_from_spec(spec)
        sys.modules["nftables"] = module
        spec.loader.exec_module(module)
    return cast(_Nftables, module.Nftables())


class Client:
    """A libnftables context. It acts in the network namespace in which it was made; keep one per process and thread."""

    def __init__(self) -> None:
        self._nft = _load()
        self._netlink = NetlinkSocket()

    def __del__(self) -> None:
        self._netlink.close()

    def check(self, transaction: Sequence[Command]) -> list[NftError]:
        """What the kernel would refuse, without changing anything."""
        self._nft.set_dry_run(True)
        try:
            return self._run(transaction)
        finally:
            self._nft.set_dry_run(False)

    def apply(self, transaction: Sequence[Command]) -> None:
        """All or nothing; raises the first NftError."""
        errors = self._run(transaction)
        if errors:
            raise errors[0]

    def list_table(self, name: str, family: str = "inet", *, terse: bool = True) -> list[dict[str, Any]]:
        """nft's JSON objects of a table (`{"rule": {…}}`), without elements if `terse`; [] where there is none."""
        return self._list(f"list table {family} {name}", terse)

    def list_tables(self) -> list[str]:
        """`inet appliance`, …"""
        return [f"{table['family']} {table['name']}" for table in _each("table", self._list("list tables", terse=True))]

    def counters(self, name: str) -> dict[str, Count]:
        """Packets and bytes by rule comment of a table of family inet; rules with the same comment are added up."""
        counts: dict[str, Count] = {}
        for comment, packets, size in self._inventory(name).counters():
            before = counts.get(comment, Count(0, 0))
            counts[comment] = Count(before.packets + packets, before.bytes + size)
        return counts

    def chains(self, name: str) -> list[str]:
        """Of a table of family inet; [] where there is none."""
        return self._inventory(name).chains()

    def sets(self, name: str) -> list[str]:
        return self._inventory(name).sets()

    def gotos(self, name: str, chain: str) -> list[str]:
        """Where the rules of a chain go to, in order."""
        return self._inventory(name).gotos(chain)

    def asked(self, name: str, *prefixes: str) -> set[str]:
        """Named sets whose names begin like one of these and that some rule of the table looks into."""
        return self._inventory(name).asked(*prefixes)

    def expirations(self, name: str, set_name: str) -> list[float]:
        """In how many seconds the elements of a set end."""
        return [element.expires for element in ElementTable(name, netlink=self._netlink).dump(set_name)]

    def _inventory(self, name: str) -> Inventory:
        return Inventory(name, self._netlink)

    def _list(self, command: str, terse: bool) -> list[dict[str, Any]]:
        self._nft.set_json_output(True)
        self._nft.set_terse_output(terse)
        try:
            code, output, error = self._nft.cmd(command)
        finally:
            self._nft.set_json_output(False)
            self._nft.set_terse_output(False)
        if code:
            if "No such file or directory" in error:
                return []
            raise NftError(error.strip())
        return [item for item in json.loads(output)["nftables"] if "metainfo" not in item] if output else []

    def _run(self, transaction: Sequence[Command]) -> list[NftError]:
        with os.fdopen(os.memfd_create("nft"), "wb") as file:
            file.write(to_text(transaction).encode())
            file.flush()
            code, _, error = self._nft.cmd(f'include "/proc/self/fd/{file.fileno()}"')
        if not code:
            return []
        located = [
            NftError(match[2], transaction[int(match[1]) - 1] if 0 < int(match[1]) <= len(transaction) else None)
            for match in _LOCATION.finditer(error)
        ]
        return located or [NftError(error.strip() or "nft gave no reason")]


def _each(kind: str, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item[kind] for item in items if kind in item]
