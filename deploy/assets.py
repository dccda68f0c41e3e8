# SPDX-License-Identifier: GPL-2.0-or-later
"""Files of others, for the browser and of countries: out of registry packages, checked against a manifest, laid down.

Nothing third-party is committed and nothing is fetched from an address: the packages named here are exact pins, and
`assets.sha256` (the form of sha256sum, paths from the project's folder) says which bytes are accepted. htmx needs no
entry: the django-htmx wheel serves it. `vendor/` is read by the processes and served to nobody.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.packages import PackageError, Packages

ROOT: Final = Path(__file__).resolve().parent.parent
MANIFEST: Final = ROOT / "deploy" / "assets.sha256"

_UPLOT: Final = "npm:uplot@1.6.32"
_SORTABLE: Final = "npm:sortablejs@1.15.7"
_ANYTHING_BEHIND: Final = b"legend+*{clear:left}"  # of reboot.min.css
_GEIST: Final = "npm:@fontsource-variable/geist@5.3.0"
_GEIST_MONO: Final = "npm:@fontsource/geist-mono@5.3.0"
_COUNTRIES: Final = "npm:@ip-location-db/geo-whois-asn-country@2.3.2026061719"


@dataclass(frozen=True)
class Asset:
    target: str  # from the project's folder
    package: str  # exact pin, deploy.packages
    member: str  # path inside the package, below its first folder


ASSETS: Final = (
    Asset(
        "static/vendor/bootstrap/reboot.min.css",
        "pypi:xstatic-bootstrap==5.3.8.0",
        "xstatic/pkg/bootstrap/data/css/bootstrap-reboot.min.css",
    ),
    Asset("static/vendor/geist/geist.woff2", _GEIST, "files/geist-latin-wght-normal.woff2"),
    Asset("static/vendor/geist/geist-ext.woff2", _GEIST, "files/geist-latin-ext-wght-normal.woff2"),
    Asset("static/vendor/geist/geist-mono.woff2", _GEIST_MONO, "files/geist-mono-latin-400-normal.woff2"),
    Asset("static/vendor/uplot/uPlot.esm.js", _UPLOT, "dist/uPlot.esm.js"),
    Asset("static/vendor/uplot/uPlot.iife.min.js", _UPLOT, "dist/uPlot.iife.min.js"),
    Asset("static/vendor/uplot/uPlot.min.css", _UPLOT, "dist/uPlot.min.css"),
    Asset("static/vendor/sortable/sortable.esm.js", _SORTABLE, "modular/sortable.esm.js"),
    Asset("vendor/country/ipv4.csv", _COUNTRIES, "geo-whois-asn-country-ipv4.csv"),
    Asset("vendor/country/ipv6.csv", _COUNTRIES, "geo-whois-asn-country-ipv6.csv"),
    Asset("vendor/country/LICENSE", _COUNTRIES, "NRO_LICENSE"),
)
"""The date of the country data is in its version: appliance.firewall knows it as `BUNDLED`."""


class AssetError(RuntimeError):
    """A file is not the one that was accepted; the message says what to do."""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def manifest() -> dict[str, str]:
    """Accepted digest by target."""
    lines = (line.split(maxsplit=1) for line in MANIFEST.read_text().splitlines() if line)
    return {target.strip(): accepted for accepted, target in lines}


def is_current(asset: Asset, accepted: dict[str, str]) -> bool:
    path = ROOT / asset.target
    return path.exists() and digest(path.read_bytes()) == accepted.get(asset.target)


def without_what_harms(content: bytes) -> bytes:
    """Drop the line that names a source map: the map stays out, and hashed static files refuse a dangling name.

    And the rule for whatever stands behind a legend: where one may match anything behind something, Chromium styles a
    whole table anew with each row that comes into it.
    """
    lines = content.replace(_ANYTHING_BEHIND, b"").splitlines(keepends=True)
    return b"".join(line for line in lines if b"sourceMappingURL=" not in line)


def fetch(asset: Asset, packages: Packages) -> bytes:
    content = packages.read(asset.package, asset.member)
    return without_what_harms(content) if asset.target.endswith((".css", ".js")) else content


def install(asset: Asset, accepted: dict[str, str], packages: Packages) -> None:
    content = fetch(asset, packages)
    if digest(content) != accepted.get(asset.target):
        raise AssetError(
            f"{asset.target} from {asset.package} is not the accepted file: its SHA-256 is {digest(content)}. "
            f"Nothing was written. Where the change is wanted, put this digest into {MANIFEST.name}."
        )
    path = ROOT / asset.target
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main() -> int:
    argparse.ArgumentParser(description="Lay the third-party files into static/vendor/ and vendor/.").parse_args()
    accepted = manifest()
    with Packages() as packages:
        for asset in ASSETS:
            if is_current(asset, accepted):
                sys.stdout.write(f"{asset.target}: present\n")
                continue
            try:
                install(asset, accepted, packages)
            except (AssetError, PackageError) as error:
                sys.stderr.write(f"{error}\n")
                return 1
            sys.stdout.write(f"{asset.target}: from {asset.package}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
