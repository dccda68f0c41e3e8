# SPDX-License-Identifier: GPL-2.0-or-later
"""Which accounts of the operating system can log in, and by how many keys; as far as this process may look."""

from __future__ import annotations

import pwd
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

_NO_SHELLS: Final = frozenset({"nologin", "false", "sync", ""})
_KEY_FILES: Final = ("authorized_keys", "authorized_keys2")


class Login(NamedTuple):
    """`keys` is None where the home directory is closed to the console, as it should be."""

    name: str
    shell: str
    keys: int | None


def logins(accounts: Iterable[pwd.struct_passwd] | None = None) -> list[Login]:
    known = pwd.getpwall() if accounts is None else accounts
    return [
        Login(each.pw_name, each.pw_shell, _keys(Path(each.pw_dir) / ".ssh"))
        for each in known
        if Path(each.pw_shell).name not in _NO_SHELLS
    ]


def _keys(folder: Path) -> int | None:
    count = 0
    for path in (folder / name for name in _KEY_FILES):
        try:
            lines = path.read_text(errors="replace").splitlines()
        except FileNotFoundError:
            continue
        except OSError:
            return None
        count += sum(bool(line.strip()) and not line.lstrip().startswith("#") for line in lines)
    return count
