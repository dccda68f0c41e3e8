# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin's ear at the kernel: links and addresses that come and go start `follow_addresses` on netadmin's own queue.

A thread of netadmin, because only there the firewall's namespace is heard. It writes nothing: that is the tasks' part.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from typing import Any, Final

from celery.signals import worker_ready
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from appliance.celery import app
from appliance.kernel import links
from appliance.kernel.listening import Listening
from appliance.kernel.overhearing import Overhearing
from sipalg_core.contract import names

log = logging.getLogger(__name__)

# --- Specification: linux/rtnetlink.h ---

_GROUPS: Final = 0x1 | 0x10 | 0x100
"""RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR."""

# --- Implementation constants ---

TASK: Final = "appliance.system.tasks.follow_addresses"
_TOGETHER: Final = 0.1  # seconds; an address that is replaced is two events
_AGAIN: Final = 1.0  # seconds until Redis is asked again

carrier_changed: dict[str, float] = {}
"""Unix time at which a cable was last plugged or pulled, by interface, since netadmin began."""


class Watch(threading.Thread):
    """Listens for as long as the process lives; a lost event is made up for by the next look."""

    def __init__(self) -> None:
        super().__init__(name="watch", daemon=True)
        self._changes: dict[str, int] = {}

    def run(self) -> None:
        while True:
            try:
                with _listener() as listener:
                    self._look()
                    while True:
                        _events(listener)
                        self._look()
            except OSError as error:
                log.warning("links are not heard: %s", error)
                time.sleep(_AGAIN)

    def _look(self) -> None:
        for link in links.read():
            if self._changes.get(link.name, link.changes) != link.changes:
                carrier_changed[link.name] = time.time()
            self._changes[link.name] = link.changes
        while not _told():
            time.sleep(_AGAIN)


def _listener() -> socket.socket:
    listener = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
    listener.bind((0, _GROUPS))
    listener.setblocking(False)
    return listener


def _events(listener: socket.socket) -> None:
    """Wait for one, then take all that come with it. One that was lost (ENOBUFS) is one, too."""
    select.select([listener], [], [])
    time.sleep(_TOGETHER)
    while True:
        try:
            listener.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            log.warning("events were lost: %s", os.strerror(error.errno or 0))


def _told() -> bool:
    try:
        app.send_task(TASK, queue=names.netadmin_queue(), expires=60)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("an event of the network waits for Redis: %s", error)
        return False
    return True


@worker_ready.connect
def _begin(sender: Any = None, **_: Any) -> None:
    """Celery's word that a worker takes tasks now; netadmin is known by its name."""
    if str(getattr(sender, "hostname", "")).startswith("netadmin@"):
        Watch().start()
        Overhearing().start()
        Listening().start()
