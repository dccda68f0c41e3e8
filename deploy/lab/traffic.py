# SPDX-License-Identifier: GPL-2.0-or-later
"""Ordinary telephony without end: one call after another in one direction, at most one at a time.

`python -m deploy.lab.traffic outbound|inbound` runs in the callers' namespace; one of each makes two calls at once.
"""

from __future__ import annotations

import itertools
import logging
import random
import socket
import sys
import time
from typing import Final

from deploy.lab import calls, peers
from deploy.lab.peers import Phone

TALK_SECONDS: Final = (6.0, 14.0)
PAUSE_SECONDS: Final = (2.0, 4.0)

CALLERS: Final[dict[str, tuple[Phone, ...]]] = {
    # The first phone and the first subscriber are left to `lab call`: a baresip has one control connection.
    "outbound": (*peers.PHONES[1:], peers.PBX),
    "inbound": peers.SUBSCRIBERS[1:],
}
CALLED: Final = {
    "outbound": tuple(phone.user for phone in peers.SUBSCRIBERS),
    "inbound": peers.INSIDE_USERS,
}

logger = logging.getLogger("traffic")


def run(direction: str) -> None:
    pairs = zip(itertools.cycle(CALLERS[direction]), itertools.cycle(CALLED[direction]), strict=False)
    for caller, user in pairs:
        try:
            with _dial(caller, user) as call:
                logger.info("%s → %s: established in %.0f ms", caller.name, user, call.setup_seconds * 1000)
                time.sleep(random.uniform(*TALK_SECONDS))
        except (calls.CallFailed, OSError) as error:
            logger.warning("%s → %s: %s", caller.name, user, error)
        time.sleep(random.uniform(*PAUSE_SECONDS))


def _dial(caller: Phone, user: str) -> calls.Call:
    control = calls.Control(caller, socket.create_connection(caller.control, 3))
    try:
        return calls.dial(control, user)
    except calls.CallFailed:
        control.close()
        raise


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    run(sys.argv[1])
