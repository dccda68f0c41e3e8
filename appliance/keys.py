# SPDX-License-Identifier: GPL-2.0-or-later
"""The appliance's own key, and what is sealed with it: secrets that must be read again, so no hash would do.

A copy of the database tells none of them. The key comes from systemd (`LoadCredential=secret_key:…`), or else from a
file beside the database that the first process makes. Without it passwords and one-time links still let people in.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet, InvalidToken

NAME: Final = "secret_key"
_OCTETS: Final = 64
_BEGINNING: Final = "gAAAA"
"""Of whatever Fernet sealed: its version, and the first octets of a time before the year 2106."""


class KeyLost(ValueError):
    """Sealed with another key than this appliance has now."""


def own_key(state: Path) -> str:
    """Read the key; who comes first makes it. A file is there with its content or not at all."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    if given and (Path(given) / NAME).exists():
        return (Path(given) / NAME).read_text().strip()
    path = state / NAME
    if not path.exists():
        made = state / f".{NAME}.{os.getpid()}.{secrets.token_hex(4)}"
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(_OCTETS))
        with suppress(FileExistsError):
            os.link(made, path)
        made.unlink()
    return path.read_text().strip()


def seal(text: str, *, key: str, purpose: str) -> str:
    """Encrypted and authenticated; what was sealed for one purpose opens for no other."""
    return _box(key, purpose).encrypt(text.encode()).decode()


def unseal(sealed: str, *, key: str, purpose: str) -> str:
    """Raise KeyLost."""
    try:
        return _box(key, purpose).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise KeyLost(purpose) from error


def is_sealed(text: str) -> bool:
    return text.startswith(_BEGINNING)


def _box(key: str, purpose: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(purpose.encode() + key.encode()).digest()))
