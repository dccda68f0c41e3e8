# SPDX-License-Identifier: GPL-2.0-or-later
"""One authenticated, encrypted file: scrypt (RFC 7914) makes the key of the passphrase, AES-256-GCM seals.

`PINHOLE-BACKUP` LF, a line of JSON that says how it was sealed (authenticated, not secret), LF, the sealed content.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

# --- Specification: this file's own ---

MAGIC: Final = b"PINHOLE-BACKUP\n"
FORMAT: Final = 1

# --- Implementation constants ---

_COST: Final = {"n": 2**15, "r": 8, "p": 1}
"""32 MiB and a tenth of a second for each guess."""
_HIGHEST_COST: Final = {"n": 2**17, "r": 16, "p": 4}
"""A file must not make us work for longer than it is worth."""
_HEADER: Final = 2000
LARGEST: Final = 5 * 1024 * 1024
"""Octets of a file, and of what comes out of it."""


class Unreadable(ValueError):
    """`code`: no_backup, too_new, wrong_passphrase, too_large."""

    def __init__(self, code: str, found: str = "") -> None:
        self.code, self.found = code, found
        super().__init__(f"{code} {found}".strip())


def seal(content: bytes, passphrase: str, about: dict[str, str]) -> bytes:
    """`about` can be read by everybody who has the file, and be changed by nobody."""
    salt, nonce = os.urandom(16), os.urandom(12)
    header = about | {"format": FORMAT, "salt": _text(salt), "nonce": _text(nonce)} | _COST
    line = json.dumps(header, sort_keys=True).encode()
    return MAGIC + line + b"\n" + AESGCM(_key(passphrase, salt, _COST)).encrypt(nonce, zlib.compress(content), line)


def header_of(file: bytes) -> dict[str, Any]:
    return _parts(file)[0]


def unseal(file: bytes, passphrase: str) -> bytes:
    """Raise Unreadable."""
    header, line, sealed = _parts(file)
    try:
        cost = {name: int(header[name]) for name in _COST}
        salt, nonce = (base64.b64decode(header[name], validate=True) for name in ("salt", "nonce"))
        if any(not 0 < cost[name] <= most for name, most in _HIGHEST_COST.items()):
            raise Unreadable("no_backup")
        opened = AESGCM(_key(passphrase, salt, cost)).decrypt(nonce, sealed, line)
    except InvalidTag as error:
        raise Unreadable("wrong_passphrase") from error
    except (KeyError, TypeError, ValueError) as error:
        raise error if isinstance(error, Unreadable) else Unreadable("no_backup") from error
    return _inflated(opened)


def _parts(file: bytes) -> tuple[dict[str, Any], bytes, bytes]:
    if len(file) > LARGEST:
        raise Unreadable("too_large")
    if not file.startswith(MAGIC):
        raise Unreadable("no_backup")
    end = file.find(b"\n", len(MAGIC), len(MAGIC) + _HEADER)
    line = file[len(MAGIC) : end]
    try:
        header: dict[str, Any] = json.loads(line) if end > 0 else {}
        known = int(header["format"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Unreadable("no_backup") from error
    if known > FORMAT:
        raise Unreadable("too_new", str(header.get("product", known)))
    return header, line, file[end + 1 :]


def _inflated(compressed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(compressed, LARGEST + 1)
    except zlib.error as error:
        raise Unreadable("no_backup") from error
    if len(content) > LARGEST:
        raise Unreadable("too_large")
    return content


def _key(passphrase: str, salt: bytes, cost: dict[str, int]) -> bytes:
    return Scrypt(salt=salt, length=32, **cost).derive(passphrase.encode())


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
