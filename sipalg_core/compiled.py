# SPDX-License-Identifier: GPL-2.0-or-later
"""The compiled form of the engine's hot modules: which they are, and how they come to be imported instead.

There is one source. `deploy/compile` makes machine code of it in the virtual environment, which is taken only where it
was made from exactly the sources that stand here, by this Python. The pure form is always complete.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from pathlib import Path
from typing import Final

# --- Implementation constants ---

PACKAGES: Final = ("sip", "sdp", "alg")
PURE: Final = frozenset({
    "__init__",
    "framing",  # streams; the compiler cannot iterate a bytearray
    # No message waits for these:
    "abuse", "history", "looks", "plain", "rows", "sayings", "screening", "state", "verdicts",
})  # fmt: skip
"""Modules of these packages that stay as they are."""
GROUP: Final = "pinhole"
"""Of the compiler: the library that all compiled modules share is `pinhole__mypyc`."""
SWITCH: Final = "PINHOLE_COMPILED"
"""Environment: "no" for the pure form; "required" to fail where the compiled one cannot be taken."""

ROOT: Final = Path(__file__).resolve().parent


def folder() -> Path:
    """Where the compiled form lies."""
    return Path(sys.prefix) / GROUP


def sources() -> list[Path]:
    """What is compiled."""
    hot = [path for package in PACKAGES for path in sorted((ROOT / package).glob("*.py")) if path.stem not in PURE]
    return [ROOT / "net.py", *hot]


def fingerprint() -> str:
    """Of the sources and of this Python."""
    digest = hashlib.sha256(sys.version.encode())
    for path in (Path(__file__), *sources()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def take() -> bool:
    """Have the compiled form imported from now on, where there is one of exactly these sources. Before any of it is."""
    wish = os.environ.get(SWITCH, "")
    mark = folder() / "fingerprint"
    if wish == "no" or not mark.exists() or mark.read_text() != fingerprint():
        if wish == "required":
            raise RuntimeError("there is no compiled form of these sources: deploy/compile makes one")
        return False
    sys.path.append(str(folder()))
    for name in ("sipalg_core", *(f"sipalg_core.{package}" for package in PACKAGES)):
        importlib.import_module(name).__path__.insert(0, str(folder().joinpath(*name.split("."))))
    return True
