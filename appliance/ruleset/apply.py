# SPDX-License-Identifier: GPL-2.0-or-later
"""Policy into the kernel and to the ALG: check, swap, write the policy file, tell broker and engine.

Runs in `netadmin` only. Until the swap nothing has changed; the swap is one nft transaction, all or nothing.
"""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from appliance.live.control import BrokerUnavailable, EngineUnavailable, ask_engine, reload_broker
from appliance.ruleset.compile import TABLE, compile_alg, compile_nft
from appliance.ruleset.policy import Policy
from sipalg_core.contract import names
from sipalg_core.contract import policy as alg
from sipalg_core.nft.client import NftError
from sipalg_core.nft.ruleset import Transaction, to_text


class Kernel(Protocol):
    """What apply needs of sipalg_core.nft.client.Client."""

    def check(self, transaction: Transaction, /) -> list[NftError]: ...
    def apply(self, transaction: Transaction, /) -> None: ...
    def list_table(self, name: str, /) -> list[dict[str, Any]]: ...


class ApplyRefused(Exception):
    """The kernel or the disk said no, and nothing was changed; the message names the rule."""


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """Times in seconds. `notes` says who could not be told; they read the policy file when they come back."""

    nft: str
    check: float
    swap: float
    tell: float
    notes: tuple[str, ...]

    @property
    def duration(self) -> float:
        return self.check + self.swap + self.tell


def apply(policy: Policy, kernel: Kernel) -> ApplyResult:
    started = time.monotonic()
    transaction = compile_nft(policy, _chains(kernel))
    _check(policy, kernel, transaction)
    checked = time.monotonic()
    prepared = _prepare(names.policy_file(), alg.dump(compile_alg(policy)))
    try:
        kernel.apply(transaction)
    except NftError as error:
        prepared.unlink()
        raise _refused(policy, error) from error
    prepared.replace(names.policy_file())
    swapped = time.monotonic()
    notes = _tell()
    told = time.monotonic()
    return ApplyResult(to_text(transaction), checked - started, swapped - checked, told - swapped, notes)


def _chains(kernel: Kernel) -> list[str]:
    return [item["chain"]["name"] for item in kernel.list_table(TABLE.name) if "chain" in item]


def _check(policy: Policy, kernel: Kernel, transaction: Transaction) -> None:
    errors = kernel.check(transaction)
    if errors:
        raise _refused(policy, errors[0])


def _refused(policy: Policy, error: NftError) -> ApplyRefused:
    rule = next((rule for rule in policy.rules if rule.key == error.comment), None)
    which = f" (rule {rule.position}, “{rule.name}”)" if rule else ""
    return ApplyRefused(f"The kernel refused the rules{which}: {error.text}. Nothing was changed.")


def _prepare(target: Path, content: bytes) -> Path:
    """Write the new file beside the old one and to the disk, so that nothing but a rename is left to fail."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), 0o640)
            os.fsync(file.fileno())
    except OSError as error:
        raise ApplyRefused(f"The policy file cannot be written: {error}. Nothing was changed.") from error
    return Path(name)


def _tell() -> tuple[str, ...]:
    """The broker first: it grants what the engine will ask for."""
    notes: list[str] = []
    try:
        reload_broker()
    except BrokerUnavailable as error:
        notes.append(str(error))
    try:
        ask_engine({"op": "reload"}, timeout=2.0)
    except EngineUnavailable as error:
        notes.append(str(error))
    return tuple(notes)
