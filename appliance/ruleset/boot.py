# SPDX-License-Identifier: GPL-2.0-or-later
"""What the next boot loads, without a database or Redis: the ruleset of the revision that was kept last, as nft's text.

`deploy/boot` has loaded default deny before any network came up, and calls `python -m appliance.ruleset.boot`: the sets
from their files, then this file, if its checksum is right. In any other case default deny stays, and it says so.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from appliance.ruleset import sets
from appliance.ruleset.compile import compile_limits, compile_nft, layout
from appliance.ruleset.policy import Policy
from sipalg_core.contract import names
from sipalg_core.nft.client import Client, NftError
from sipalg_core.nft.ruleset import to_text

_MARK: Final = b"# sha256 "


class Damaged(ValueError):
    """The file is not what was written."""


def write(policy: Policy) -> None:
    """Whole or not at all; the policy asks the generations of its sets (ruleset.sets.load). Raise OSError."""
    content = to_text((*layout.frame(), *compile_limits(policy, time.time()), *compile_nft(policy))).encode()
    target = names.boot_file()
    coming = target.with_name(f".{target.name}")
    with coming.open("wb") as file:
        file.write(_MARK + hashlib.sha256(content).hexdigest().encode() + b"\n" + content)
        file.flush()
        os.fchmod(file.fileno(), 0o640)
        os.fsync(file.fileno())
    coming.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(path: Path) -> bytes:
    """The ruleset in it. Raise Damaged, FileNotFoundError."""
    head, _, content = path.read_bytes().partition(b"\n")
    if not head.startswith(_MARK) or head.removeprefix(_MARK).decode("ascii", "replace") != _sum(content):
        raise Damaged(f"{path} is not what was written")
    return content


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def load() -> str:
    """Say what was loaded. Raise Damaged, OSError, NftError; then the kernel decides as before."""
    content = read(names.boot_file())
    filled = sets.restore(Client())
    done = subprocess.run(("nft", "-f", "-"), input=content, capture_output=True, check=False)
    if done.returncode:
        raise NftError(done.stderr.decode(errors="replace").strip())
    return f"the revision that was kept last decides, with {len(filled)} sets of addresses"


def main() -> int:
    try:
        said = load()
    except FileNotFoundError:
        said, code = "no revision was ever kept: default deny stays", 0
    except (Damaged, OSError, NftError) as error:
        said, code = f"{error}: default deny stays", 1
    else:
        code = 0
    sys.stderr.write(f"pinhole boot: {said}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
