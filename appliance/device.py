# SPDX-License-Identifier: GPL-2.0-or-later
"""The device as its console is reached and as its clock goes: host names, certificates, name servers. Reads only."""

from __future__ import annotations

import socket
import ssl
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from django.conf import settings

from appliance import tls
from appliance.kernel.clock import clock
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.network import queries as network

PATIENCE: Final = 1.0
"""Seconds for the console's own door."""
SOON: Final = timedelta(days=30)
_RESOLVER: Final = Path("/etc/resolv.conf")

__all__ = ["certificates", "clock", "kept", "links", "machine_name_servers", "origins", "shown"]


@dataclass(frozen=True, slots=True)
class Origin:
    """An address that the console answers to; anything else is refused."""

    address: str
    here: bool  # by which this page was asked for
    encrypted: bool


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the console's door shows at one address. `error` says why nothing could be seen."""

    address: str
    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    until: datetime | None = None
    fingerprint: str = ""
    error: str = ""

    @property
    def level(self) -> str:
        if self.error or self.until is None or self.until < datetime.now(UTC):
            return "error"
        return "warning" if self.until - datetime.now(UTC) < SOON else "ok"


def origins(host: str, *, secure: bool) -> list[Origin]:
    now = f"{'https' if secure else 'http'}://{host}"
    return [Origin(each, each == now, each.startswith("https://")) for each in settings.CONSOLE_ORIGINS]


def certificates() -> list[Certificate]:
    """Of the encrypted origins; [] where there is none."""
    return [_certificate(each) for each in settings.CONSOLE_ORIGINS if each.startswith("https://")]


def _certificate(origin: str) -> Certificate:
    place = urlsplit(origin)
    door = (place.hostname or "", place.port or 443)
    looking = ssl.create_default_context()
    looking.check_hostname, looking.verify_mode = (
        False,
        ssl.CERT_NONE,
    )  # one that an appliance made itself is shown, too
    try:
        with (
            socket.create_connection(door, PATIENCE) as wire,
            looking.wrap_socket(wire, server_hostname=door[0]) as tls,
        ):
            raw = tls.getpeercert(binary_form=True) or b""
        return told(origin, x509.load_der_x509_certificate(raw))
    except (OSError, ValueError) as error:
        return Certificate(origin, error=str(error))


def kept() -> Certificate | None:
    """The one that lies here, whether or not the console shows it."""
    try:
        return told("", x509.load_pem_x509_certificate(tls.kept_at().read_bytes()))
    except (OSError, ValueError):
        return None


def shown() -> dict[str, Any]:
    """For programs: whether the console ends TLS itself, where it is, and what is kept here."""
    found = kept()
    return {"own": settings.TLS_OWN, "origins": settings.CONSOLE_ORIGINS, "kept": asdict(found) if found else None}


def told(origin: str, shown: x509.Certificate) -> Certificate:
    digest = shown.fingerprint(hashes.SHA256()).hex(":")
    return Certificate(
        origin, tls.common_name(shown.subject), tls.common_name(shown.issuer), tls.names_of(shown),
        shown.not_valid_after_utc, digest,
    )  # fmt: skip


def machine_name_servers() -> list[str]:
    """Those of the machine, which are asked where nobody named others."""
    try:
        lines = _RESOLVER.read_text().splitlines()
    except OSError:
        return []
    return [words[1] for words in (line.split() for line in lines) if len(words) > 1 and words[0] == "nameserver"]


def links() -> list[dict[str, Any]]:
    """Interfaces with what the kernel says of them; [] where netadmin is away."""
    try:
        return network.live_links()
    except NetadminUnavailable:
        return []
