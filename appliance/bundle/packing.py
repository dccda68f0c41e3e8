# SPDX-License-Identifier: GPL-2.0-or-later
"""Pieces as one file: a ZIP archive that names what it holds. Pure."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from datetime import datetime


def packed(files: Iterable[tuple[str, bytes]], made: datetime) -> bytes:
    stamp = (made.year, made.month, made.day, made.hour, made.minute, made.second)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            about = zipfile.ZipInfo(f"pinhole-support/{name}", stamp)
            about.compress_type = zipfile.ZIP_DEFLATED
            about.external_attr = 0o600 << 16
            archive.writestr(about, content)
    return buffer.getvalue()
