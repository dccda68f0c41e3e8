# SPDX-License-Identifier: GPL-2.0-or-later
"""The log of engine and broker: whole while little happens, bounded whatever happens."""

from __future__ import annotations

import io
import logging

import pytest

from sipalg_core.logs import MOST_KINDS, WHOLE, WINDOW, Sparing


class Log:
    def __init__(self) -> None:
        self.now = 0.0
        self.written = io.StringIO()
        handler = logging.StreamHandler(self.written)
        handler.addFilter(Sparing(lambda: self.now))
        self.logger = logging.Logger("test")
        self.logger.addHandler(handler)

    @property
    def lines(self) -> list[str]:
        return self.written.getvalue().splitlines()


@pytest.fixture
def log() -> Log:
    return Log()


def test_what_happens_now_and_then_is_written(log):
    for number in range(30):
        log.logger.warning("call %d", number)
        log.now += WINDOW / WHOLE
    assert log.lines == [f"call {number}" for number in range(30)]


def test_a43_a_million_of_a_kind_are_some_lines(log):
    for number in range(1_000_000):
        log.logger.warning("bad packet of %s", number)
    assert len(log.lines) == WHOLE + 5
    assert log.lines[-1] == "bad packet of 999999 (the 1000000th of its kind within 60 s)"


def test_one_kind_silences_no_other(log):
    for _ in range(100):
        log.logger.warning("often")
    log.logger.warning("once")
    assert log.lines[-1] == "once"


def test_faults_are_told_apart_by_what_was_raised(log):
    for fault in (ValueError, KeyError):
        for _ in range(50):
            try:
                raise fault
            except (ValueError, KeyError):
                log.logger.exception("%s", "datagram")
    assert log.lines.count("ValueError") == log.lines.count("KeyError") == WHOLE


def test_kinds_that_somebody_invents_fill_no_memory(log):
    sparing = Sparing(lambda: 0.0)
    for number in range(MOST_KINDS + 50):
        sparing.filter(logging.LogRecord("x", logging.INFO, "", 0, f"kind {number}", None, None))
    assert len(sparing._seen) == MOST_KINDS
