# SPDX-License-Identifier: GPL-2.0-or-later
"""The log of engine and broker: whole while little happens, bounded whatever happens."""

from __future__ import annotations

import io
import logging

import pytest

from appliance import settings
from sipalg_core.logs import MOST_KINDS, WHOLE, WINDOW, OneLine, Sparing


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


FORGED = "bob\r\nINFO web: owner signed in\x1b[2J\u2028\u202e\x00"


def test_nobody_begins_a_line_of_his_own():
    """Log injection: what a stranger sent stays in its line, and its escapes are written out (ASVS 16.4.1)."""
    formatter = OneLine("%(levelname)s %(message)s")
    line = formatter.format(logging.LogRecord("x", logging.WARNING, "", 0, "refused %s", (FORGED,), None))
    assert line.isprintable()
    assert line == r"WARNING refused bob\r\nINFO web: owner signed in\x1b[2J\u2028\u202e\x00"


def test_a_fault_keeps_its_trace():
    try:
        raise ValueError
    except ValueError as fault:
        record = logging.LogRecord("x", logging.ERROR, "", 0, "über", (), (ValueError, fault, fault.__traceback__))
    assert OneLine("%(message)s").format(record).startswith("über\nTraceback")


def test_the_console_writes_its_log_so():
    assert settings.LOGGING["formatters"]["line"]["()"] == "sipalg_core.logs.OneLine"
