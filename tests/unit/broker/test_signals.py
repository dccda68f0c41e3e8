# SPDX-License-Identifier: GPL-2.0-or-later
"""SIGTERM is heard at any moment, also where Python swallows what a handler raises."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROCESS = """
import os, select, signal, sys
from sipalg_core.broker.server import signalled

def ask():
    os.kill(os.getpid(), signal.SIGTERM)

class Dies:
    def __del__(self):
        ask()

def in_a_destructor():
    Dies()

def in_a_callback_of_c():
    import ctypes
    ctypes.CFUNCTYPE(None)(ask)()

stop = signalled()
assert not select.select([stop], [], [], 0)[0]
{moment}()
print("readable" if select.select([stop], [], [], 5)[0] else "unheard")
"""


@pytest.mark.parametrize("moment", ["ask", "in_a_destructor", "in_a_callback_of_c"])
def test_sigterm_is_heard(moment: str) -> None:
    process = subprocess.run(
        (sys.executable, "-c", PROCESS.format(moment=moment)), capture_output=True, text=True, timeout=30, check=True
    )
    assert process.stdout == "readable\n", process.stderr
