# SPDX-License-Identifier: GPL-2.0-or-later
"""Templates of providers: what they publish about themselves, where, and when that was read. Never the truth."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

_FILE: Final = Path(__file__).resolve().parents[1] / "data" / "providers.json"


class Template(NamedTuple):
    key: str
    name: str
    registrar: str  # as they write it
    server: str  # as an object can hold it, "" where each customer has his own
    transports: str
    media: str  # as they write it
    media_from: str  # as an object can hold it, "" where that is too much or too little
    symmetric_media: bool
    source: str
    date: str  # when the source was read


@cache
def templates() -> dict[str, Template]:
    found = json.loads(_FILE.read_text())
    return {key: Template(key=key, **fields) for key, fields in found.items()}
