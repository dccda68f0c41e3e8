# SPDX-License-Identifier: GPL-2.0-or-later
"""The certificate that the console itself shows: what may be put in its place, where it lies, and one made here.

Certificate, chain and key lie in one file, so that they are replaced together or not at all; appliance.door reads it.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import pairwise
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from sipalg_core.contract import names

LARGEST: Final = 64 * 1024
"""Octets of a file; chains have some kilobytes."""
_MADE_HERE_FOR: Final = timedelta(days=397)
"""What browsers take at most."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate that fits its key, with those that lead to its issuer. `pem` holds all of it."""

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    pem: bytes

    @property
    def names(self) -> tuple[str, ...]:
        return names_of(self.leaf)

    def uncovered(self, origins: Sequence[str]) -> list[str]:
        """Host names of encrypted origins that a browser would not take it for."""
        hosts = [urlsplit(each).hostname or "" for each in origins if each.startswith("https://")]
        return [host for host in hosts if not any(_covers(name, host) for name in self.names)]


def kept_at() -> Path:
    return names.state_dir() / "console.pem"


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(each.value) for each in extension)


def read(certificates: bytes, key: bytes) -> Pair:
    """PEM as issuers send it, the console's own certificate first. Raise ValidationError at `certificate` or `key`."""
    try:
        found = x509.load_pem_x509_certificates(certificates)
    except ValueError as error:
        raise _unfit("certificate", _("This is no certificate in PEM (-----BEGIN CERTIFICATE-----).")) from error
    secret = _key(key)
    leaf, chain = found[0], tuple(found[1:])
    if _public(leaf.public_key()) != _public(secret.public_key()):
        raise _unfit("key", _("The key does not belong to this certificate."))
    _look_at_times(found)
    _look_at_chain(found)
    if not names_of(leaf):
        raise _unfit("certificate", _("It names no host (subject alternative names): no browser would take it."))
    text = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(leaf, chain, text + b"".join(each.public_bytes(serialization.Encoding.PEM) for each in found))


def _key(text: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(text, None)
    except TypeError as error:
        raise _unfit("key", _("The key is encrypted: take its passphrase away first (openssl pkey).")) from error
    except ValueError as error:
        raise _unfit("key", _("This is no private key in PEM (-----BEGIN PRIVATE KEY-----).")) from error


def _look_at_times(found: Sequence[x509.Certificate]) -> None:
    now = datetime.now(UTC)
    for each in found:
        values = {"name": common_name(each.subject), "day": f"{each.not_valid_after_utc:%Y-%m-%d}"}
        if each.not_valid_after_utc < now:
            raise _unfit("certificate", _("%(name)s expired on %(day)s.") % values)
        if each.not_valid_before_utc > now:
            values["day"] = f"{each.not_valid_before_utc:%Y-%m-%d}"
            raise _unfit("certificate", _("%(name)s is not valid before %(day)s; is the clock right?") % values)


def _look_at_chain(found: Sequence[x509.Certificate]) -> None:
    for each, issuer in pairwise(found):
        try:
            each.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature) as error:
            values = {"name": common_name(each.subject), "next": common_name(issuer.subject)}
            raise _unfit(
                "certificate",
                _("%(name)s was not issued by %(next)s, which comes next. Put each issuer behind what it issued.")
                % values,
            ) from error


def common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else name.rfc4514_string()


def keep(pem: bytes) -> None:
    """Whole or not at all, and for nobody else to read."""
    path = kept_at()
    made = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    made.replace(path)


def made_here(origins: Sequence[str]) -> Pair:
    """Signed by itself, for the hosts of these origins: encrypted, and a browser asks whether it is to be trusted."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    hosts = [host for each in origins if (host := urlsplit(each).hostname)] or ["localhost"]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Pinhole")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1)).not_valid_after(now + _MADE_HERE_FOR)
        .add_extension(x509.SubjectAlternativeName([_general(each) for each in dict.fromkeys(hosts)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Pair(certificate, (), secret + certificate.public_bytes(pem))


def _general(host: str) -> x509.GeneralName:
    address = _address(host)
    return x509.DNSName(host) if address is None else x509.IPAddress(address)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _covers(name: str, host: str) -> bool:
    """RFC 6125 §6.4.3: a star stands for one whole label, the first."""
    name, host = name.lower().rstrip("."), host.lower().rstrip(".")
    if name == host or (_address(host) is not None and _address(name) == _address(host)):
        return True
    return name.startswith("*.") and host.partition(".")[2] == name[2:] and bool(host.partition(".")[0])


def _public(key: object) -> bytes:
    return key.public_bytes(  # type: ignore[attr-defined,no-any-return]  # of any kind that a certificate may have
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _unfit(field: str, words: str) -> ValidationError:
    return ValidationError({field: [words]})
