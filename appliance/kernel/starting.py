# SPDX-License-Identifier: GPL-2.0-or-later
"""How netadmin has the SIP engine started: it knocks, and whoever started all processes starts that one again.

No process of ours may start another. At `names.start_socket()` systemd listens (or, in the laboratory,
deploy.lab.starter), as root, for netadmin's user alone; a connection is the whole request: it names nothing, so nothing
else can be asked for.
"""

from __future__ import annotations

import socket
from typing import Final

from appliance.live.control import EngineRefused, EngineUnavailable, ask_engine
from sipalg_core.contract import names

_PATIENCE: Final = 1.0  # s


def start_engine() -> bool:
    """Have it started where it does not answer; false where it does. Raise OSError where nobody listens."""
    try:
        ask_engine({"op": "ping"})
    except EngineRefused:
        return False
    except EngineUnavailable:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(_PATIENCE)
            door.connect(str(names.start_socket()))
        return True
    return False
