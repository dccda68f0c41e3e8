# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin starts tests: each a process in the firewall's namespace that has lost every capability before it begins."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# --- Specification: linux/prctl.h ---

_PR_SET_NO_NEW_PRIVS: Final = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4

# --- Implementation constants ---

AT_ONCE: Final = 3

_libc: Final = ctypes.CDLL(None, use_errno=True)
_running: list[subprocess.Popen[bytes]] = []


def start(job: str, asked: dict[str, Any]) -> dict[str, bool]:
    """Answers at once; the results come into Redis."""
    _running[:] = [each for each in _running if each.poll() is None]
    if len(_running) >= AT_ONCE:
        raise ValidationError({"kind": [_("%d tests are running. Wait until one has ended.") % AT_ONCE]})
    command = (sys.executable, "-m", "appliance.probes", job, json.dumps(asked))
    _running.append(
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, preexec_fn=_powerless, start_new_session=True
        )
    )
    return {"started": True}


def _powerless() -> None:
    """Without ambient capabilities, and with no way to new ones, the next program has none."""
    if _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) or _libc.prctl(
        _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0
    ):
        raise OSError(ctypes.get_errno(), "capabilities could not be given up")
