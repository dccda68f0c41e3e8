# SPDX-License-Identifier: GPL-2.0-or-later
"""The one place where an unforeseen exception ends: counted, logged with its traceback, and the engine goes on."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger(__name__)


class Faults:
    """`counts` is the engine's own, so that a fault is seen where everything else is: "error:<type>"."""

    def __init__(self, counts: Counter[str]) -> None:
        self.counts = counts

    @contextmanager
    def caught(self, doing: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - one datagram that it cannot bear must not end all calls
            self.note(doing, error)

    def note(self, doing: str, error: Exception) -> None:
        self.counts[f"error:{type(error).__name__}"] += 1
        log.error("%s", doing, exc_info=error)
