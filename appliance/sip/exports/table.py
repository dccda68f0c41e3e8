# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows as CSV that a spreadsheet opens without running it (A42): a cell that would be a formula is text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def harmless(value: object) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def csv_lines(head: Iterable[str], rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """One at a time, so that a long history needs no memory."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)  # where a semicolon parts cells, one must not part ours
    for row in (head, *()):
        writer.writerow(row)
        yield _taken(buffer)
    for values in rows:
        writer.writerow([harmless(value) for value in values])
        yield _taken(buffer)


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text
