# SPDX-License-Identifier: GPL-2.0-or-later
"""Where an unforeseen exception ends."""

import asyncio
from collections import Counter

import pytest

from sipalg_core.io.faults import Faults


def test_a_fault_is_counted_by_type_and_logged_with_its_traceback(caplog):
    faults = Faults(Counter())
    for _ in range(2):
        with faults.caught("datagram from 192.0.2.1:5060"):
            raise IndexError("out of range")
    assert faults.counts == {"error:IndexError": 2}
    assert "datagram from 192.0.2.1:5060\nTraceback" in caplog.text


def test_the_end_is_no_fault():
    with pytest.raises(asyncio.CancelledError), Faults(Counter()).caught("anything"):
        raise asyncio.CancelledError
