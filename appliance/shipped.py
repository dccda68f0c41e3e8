# SPDX-License-Identifier: GPL-2.0-or-later
"""What this appliance is made of: its version, the packages and data that came with it, their licences, its source.

All of it is read from what is installed here: nothing is listed by hand but the browser's files, whose pins stand in
deploy/assets.py.
"""

from __future__ import annotations

import io
import platform
import re
import tarfile
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Final, NamedTuple

from django.conf import settings

from appliance.firewall import queries as firewall
from appliance.firewall.services.countries import BUNDLED
from appliance.sip.queries import templates

ROOT: Final = Path(settings.BASE_DIR)
SOURCE: Final = (
    "appliance", "sipalg_core", "templates", "static", "deploy", "locale", "tests", "docs", "manage.py",
    "pyproject.toml", "Makefile", "LICENSE", "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md",
)  # fmt: skip
"""What a copy of the source holds: all that is ours, nothing that set-up lays in."""
_NOT_OURS: Final = {"__pycache__", "vendor", "artifacts"}
_DEBIAN: Final = Path("/var/lib/dpkg/status")
_COPYRIGHT: Final = "/usr/share/doc/{}/copyright"
_DEBIAN_USED: Final = (
    "conntrack", "iproute2", "nftables", "python3", "python3-nftables", "redis-server", "valkey-server", "util-linux",
)  # fmt: skip

NRO: Final = (
    "The statistics data provided by NRO is licensed under a Creative Commons Attribution 4.0 International License. "
    "Copyright Holder: Number Resource Organization (NRO), nro.net."
)
DB_IP: Final = "IP Geolocation by DB-IP (db-ip.com), Creative Commons Attribution 4.0 International License."
IPFIRE: Final = "IPFire Location Database (location.ipfire.org), Creative Commons Attribution-ShareAlike 4.0."


class Part(NamedTuple):
    """One thing of others. `page` names it where its licence's text is shown; "" where there is none to show."""

    name: str
    version: str
    licence: str
    page: str = ""


class Data(NamedTuple):
    name: str
    date: str
    attribution: str


def version() -> str:
    return str(_project()["version"])


def machine() -> list[tuple[str, str]]:
    """What it runs on."""
    debian = Path("/etc/debian_version")
    system = f"Debian {debian.read_text().strip()}" if debian.exists() else platform.system()
    return [
        ("Pinhole", version()),
        ("Debian", system),
        ("Linux", platform.release()),
        ("Python", platform.python_version()),
    ]


@cache
def _project() -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return found


# --- Python packages: what ours asks for, and what those ask for ---


@cache
def packages() -> tuple[Part, ...]:
    wanted = [_name(each) for each in _project()["dependencies"]]
    found: dict[str, Part] = {}
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        try:
            about = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # asked for on other machines only
        page = name if _licence_files(about) else ""
        found[name] = Part(about.metadata["Name"], about.version, _licence(about), page)
        wanted += [_name(each) for each in about.requires or () if "extra ==" not in each]
    return tuple(sorted(found.values(), key=lambda part: part.name.casefold()))


def licence_text(name: str) -> str:
    """The files that the package itself brings; "" where it is none of ours or brings none."""
    if _canonical(name) not in {each.page for each in packages()}:
        return ""
    files = _licence_files(metadata.distribution(name))
    return "\n\n".join(f"--- {file.name} ---\n\n{file.locate().read_text(errors='replace')}" for file in files)  # type: ignore[attr-defined]  # a Path


def _licence_files(about: metadata.Distribution) -> list[metadata.PackagePath]:
    named = [file for file in about.files or () if ".dist-info" in str(file.parent)]
    words = ("licen", "copying", "notice")
    return [
        file for file in named if file.name.lower().startswith(words) and file.suffix.lower() not in (".py", ".pyc")
    ]


def _licence(about: metadata.Distribution) -> str:
    """As the package says it: an SPDX expression, its classifiers, or the first line of its own words."""
    said = about.metadata
    if "License-Expression" in said:
        return str(said["License-Expression"])
    named = [each.rpartition(" :: ")[2] for each in said.get_all("Classifier") or () if each.startswith("License ::")]
    own = str(said.json.get("license", "")).strip().splitlines()
    return ", ".join(named) or (own[0] if own else "")


def _name(requirement: str) -> str:
    return _canonical(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])


def _canonical(name: str) -> str:
    """PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


# --- Debian packages, files of the browser, data ---


def programs() -> list[Part]:
    """Debian's packages that run beside us, from its own list."""
    try:
        text = _DEBIAN.read_text(errors="replace")
    except OSError:
        return []
    return sorted(_installed(text), key=lambda part: part.name)


def _installed(text: str) -> Iterator[Part]:
    for paragraph in text.split("\n\n"):
        said = dict(line.partition(": ")[::2] for line in paragraph.splitlines() if not line.startswith(" "))
        if said.get("Package") in _DEBIAN_USED and "installed" in said.get("Status", "").split():
            yield Part(said["Package"], said.get("Version", ""), _COPYRIGHT.format(said["Package"]))


def browser_files() -> list[Part]:
    """Pins of deploy/assets.py, as they are laid into static/vendor."""
    pins = dict(re.findall(r"(?:npm|pypi):([a-z@/-]+)(?:@|==)([0-9.]+)", (ROOT / "deploy/assets.py").read_text()))
    known = (
        ("xstatic-bootstrap", "Bootstrap Reboot", "MIT"),
        ("uplot", "uPlot", "MIT"),
        ("sortablejs", "SortableJS", "MIT"),
        ("@fontsource-variable/geist", "Geist", "OFL-1.1"),
        ("@fontsource/geist-mono", "Geist Mono", "OFL-1.1"),
    )
    return [Part(name, pins[pin], licence) for pin, name, licence in known if pin in pins] + [
        Part("htmx", metadata.version("django-htmx"), "0BSD", "django-htmx")
    ]


def data() -> list[Data]:
    """What came along or was uploaded, with the attribution that its licence asks for."""
    source, published = BUNDLED
    found = {source: Data(source, published.isoformat(), NRO)}
    active = firewall.active_country_data()
    if active is not None and active.source != source:
        found[active.source] = Data(
            active.source, active.published.isoformat(), _attribution(f"{active.source} {active.licence}")
        )
    asked = [Data(each.name, each.date, each.source) for each in templates().values()]
    return [*found.values(), *asked]


def _attribution(text: str) -> str:
    """Of uploaded data: what its operator wrote down, with the line that the usual sources ask for."""
    usual = (("db-ip", DB_IP), ("dbip", DB_IP), ("ipfire", IPFIRE), ("nro", NRO))
    line = next((line for word, line in usual if word in text.casefold()), "")
    return line or text


# --- The source ---


def source() -> bytes:
    """A tar archive of exactly this program."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=6) as archive:
        for name in SOURCE:
            if (ROOT / name).exists():
                archive.add(ROOT / name, f"pinhole-{version()}/{name}", filter=_ours)
    return packed.getvalue()


def _ours(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = set(Path(entry.name).parts)
    if parts & _NOT_OURS or not (entry.isfile() or entry.isdir()) or entry.name.endswith((".so", ".pyc")):
        return None
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
