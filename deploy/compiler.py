# SPDX-License-Identifier: GPL-2.0-or-later
"""Compiles the hot modules (sipalg_core.compiled says which) with mypyc, and puts them where the engine looks for them.

Works in a folder of its own, since the compiler writes beside what it reads; what was there before stays until all is
made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sipalg_core import compiled

_BUILD = """
from mypyc.build import mypycify
from setuptools import setup
import sys

extensions = mypycify(["--strict", "--follow-imports=silent", "--config-file=", *sys.argv[2:]],
                      opt_level="3", debug_level="0", group_name=sys.argv[1])
setup(name=sys.argv[1], packages=[], ext_modules=extensions, script_args=["build_ext", "--inplace"])
"""


def main() -> int:
    root = compiled.ROOT.parent
    with tempfile.TemporaryDirectory(prefix="pinhole-compile-") as place:
        shutil.copytree(compiled.ROOT, Path(place) / compiled.ROOT.name, ignore=shutil.ignore_patterns("__pycache__"))
        modules = [str(path.relative_to(root)) for path in compiled.sources()]
        command = (sys.executable, "-c", _BUILD, compiled.GROUP, *modules)
        done = subprocess.run(command, cwd=place, env={**os.environ, "CFLAGS": "-O3 -g0"}, check=False)
        if done.returncode:
            return done.returncode
        _put(Path(place), compiled.folder())
    return 0


def _put(made: Path, folder: Path) -> None:
    """The libraries, and last what says of which sources they are."""
    fresh = folder.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    for library in made.rglob("*.so"):
        if "build" not in library.relative_to(made).parts:
            place = fresh / library.relative_to(made)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(library, place)
    (fresh / "fingerprint").write_text(compiled.fingerprint())
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


if __name__ == "__main__":
    sys.exit(main())
