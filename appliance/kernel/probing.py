# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin starts tests: each a process in the firewall's namespace that has lost every capability before it begins."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

# --- Implementation constants ---

AT_ONCE: Final = 3
_POWERLESS: Final = ("setpriv", "--ambient-caps=-all", "--inh-caps=-all", "--no-new-privs", "--")
"""Without ambient and inheritable capabilities, and with no way to new ones, the next program has none (setpriv(1))."""

_running: list[subprocess.Popen[bytes]] = []


def start(job: str, asked: dict[str, Any]) -> dict[str, bool]:
    """Answers at once; the results come into Redis."""
    _running[:] = [each for each in _running if each.poll() is None]
    if len(_running) >= AT_ONCE:
        raise ValidationError({"kind": [_("%d tests are running. Wait until one has ended.") % AT_ONCE]})
    command = (*_POWERLESS, sys.executable, "-m", "appliance.probes", job, json.dumps(asked))
    quiet = subprocess.DEVNULL
    _running.append(subprocess.Popen(command, stdin=quiet, stdout=quiet, start_new_session=True))
    return {"started": True}
