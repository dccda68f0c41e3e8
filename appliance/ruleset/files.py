# SPDX-License-Identifier: GPL-2.0-or-later
"""The ALG's two files, written by netadmin: the policy that was kept, and the one on trial (contract.running)."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from sipalg_core.contract import names
from sipalg_core.contract import policy as alg
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.contract.running import dump_trial, load_trial


@dataclass(frozen=True, slots=True)
class Prepared:
    """On the disk beside its place, so that nothing but a rename is left to fail."""

    written: Path
    target: Path

    def commit(self) -> None:
        self.written.replace(self.target)
        if self.target == names.policy_file():
            drop_trial()

    def drop(self) -> None:
        self.written.unlink()


def prepare(policy: AlgPolicy, window: float | None = None) -> Prepared:
    """For good, or on trial for so many seconds from now. Raise OSError."""
    if window is None:
        return _write(names.policy_file(), alg.dump(policy))
    return _write(names.trial_file(), dump_trial(policy, time.monotonic() + window))


def keep(policy: AlgPolicy) -> bool:
    """Have it in the file of what was kept, whatever is on trial; whether it was another."""
    content = alg.dump(policy)
    try:
        if names.policy_file().read_bytes() == content:
            return False
    except FileNotFoundError:
        pass
    prepared = _write(names.policy_file(), content)
    prepared.written.replace(prepared.target)
    return True


def says(policy: AlgPolicy) -> bool:
    """Whether that is what engine and broker read now."""
    try:
        if names.trial_file().exists():
            return load_trial(names.trial_file().read_bytes())[0] == policy
        return names.policy_file().read_bytes() == alg.dump(policy)
    except (FileNotFoundError, alg.PolicyError):
        return False


def keep_trial() -> None:
    """What is on trial is kept. Without a file of it there is nothing to do."""
    try:
        policy, _ends = load_trial(names.trial_file().read_bytes())
    except FileNotFoundError:
        return
    prepare(policy).commit()


def extend_trial(ends: float) -> None:
    """Until then, in monotonic seconds."""
    policy, _ends = load_trial(names.trial_file().read_bytes())
    _write(names.trial_file(), dump_trial(policy, ends)).commit()


def drop_trial() -> bool:
    """Whether there was one."""
    try:
        names.trial_file().unlink()
    except FileNotFoundError:
        return False
    return True


def _write(target: Path, content: bytes) -> Prepared:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), 0o640)
        os.fsync(file.fileno())
    return Prepared(Path(name), target)
