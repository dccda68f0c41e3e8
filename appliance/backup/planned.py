# SPDX-License-Identifier: GPL-2.0-or-later
"""Backups that the appliance makes by itself: the plan, and the files that came of it, in a folder of its state.

They are sealed as any backup is. The plan lies beside them, with the passphrase under the appliance's own key.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from sipalg_core.contract import names

EVERY: Final = {"day": timedelta(days=1), "week": timedelta(days=7)}
KEPT: Final = 14
"""Files; with another one the oldest goes."""
_FORM: Final = "pinhole-%Y%m%d-%H%M%S.pinhole-backup"


@dataclass(frozen=True, slots=True)
class Plan:
    """`sealed` is the passphrase; `failed` says why the last one is not there."""

    every: str
    sealed: str
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    name: str
    at: datetime
    octets: int


def folder() -> Path:
    return names.state_dir() / "backups"


def read() -> Plan | None:
    """None where none is made by itself."""
    try:
        return Plan(**json.loads(_plan_file().read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def write(plan: Plan | None) -> None:
    """None: no more of them; those that there are stay."""
    if plan is None:
        _plan_file().unlink(missing_ok=True)
    else:
        _put(_plan_file(), json.dumps(asdict(plan)).encode())


def made() -> list[Made]:
    """The youngest first."""
    found = []
    for path in folder().glob("*") if folder().is_dir() else ():
        try:
            at = datetime.strptime(path.name, _FORM).replace(tzinfo=UTC)
        except ValueError:
            continue
        found.append(Made(path.name, at, path.stat().st_size))
    return sorted(found, key=lambda each: each.at, reverse=True)


def is_due(plan: Plan, now: datetime) -> bool:
    latest = next(iter(made()), None)
    return latest is None or now - latest.at >= EVERY[plan.every]


def keep(content: bytes, now: datetime) -> Made:
    """Write it, and let the oldest go."""
    name = now.astimezone(UTC).strftime(_FORM)
    _put(folder() / name, content)
    for each in made()[KEPT:]:
        (folder() / each.name).unlink(missing_ok=True)
    return Made(name, now, len(content))


def content_of(name: str) -> bytes:
    """Raise FileNotFoundError for what is none of them, whatever the name says."""
    if name not in {each.name for each in made()}:
        raise FileNotFoundError(name)
    return (folder() / name).read_bytes()


def _plan_file() -> Path:
    return folder() / "plan.json"


def _put(target: Path, content: bytes) -> None:
    """Whole or not at all."""
    folder().mkdir(mode=0o770, exist_ok=True)
    descriptor, written = tempfile.mkstemp(dir=folder(), prefix=".")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(written).replace(target)
    except OSError:  # a full disk is tried again and again
        Path(written).unlink(missing_ok=True)
        raise
