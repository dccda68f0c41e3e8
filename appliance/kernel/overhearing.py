# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin's other ear at the kernel: reads what the rules log, keeps the last lines in Redis and tells of new ones.

A thread of netadmin, which alone has the power to listen. The kernel limits the lines (compile.verdicts), Redis keeps
so many and no more, and while Redis is away so many wait here: a flood costs no more than a busy minute.
"""

from __future__ import annotations

import errno
import json
import logging
import socket
import threading
import time
from collections import deque
from contextlib import closing
from typing import Any, Final

import redis

from appliance import redis_socket
from appliance.kernel.lines import Line, line_of, skipped_line
from sipalg_core.contract import names
from sipalg_core.nft.counters import NamedCounters
from sipalg_core.nft.netlink import DumpInterrupted
from sipalg_core.nft.packet_log import PacketLog

log = logging.getLogger(__name__)

# --- Implementation constants ---

KEPT: Final = 2000
"""Lines, in Redis and, while that is away, here."""
_OCTETS: Final = 96
_PATIENCE: Final = 0.25  # s
_COUNTED: Final = 1.0  # s between two looks at the kernel's counter
_AGAIN: Final = 2.0  # s until the kernel is asked again that has refused
_SILENCE: Final = 10  # s without a sign of life, then nobody listens
_TIMEOUT: Final = 0.5  # s; Redis is on this machine


class Skipped:
    """How many packets would have had a line and had none, by the kernel's counter. Knows no clock and no socket."""

    def __init__(self) -> None:
        self._asked: int | None = None  # at the last look
        self._base = self._told = self._lines = 0

    def heard(self, lines: int) -> None:
        self._lines += lines

    def look(self, asked: int | None) -> int:
        """What is to be told now. Lines on their way count at the next look: nothing is told too early."""
        if asked is None:
            return 0
        if self._asked is None or asked < self._asked:  # the first look, or the table is a new one
            self._asked, self._base, self._told, self._lines = asked, asked, 0, 0
            return 0
        missing = self._asked - self._base - self._lines - self._told
        self._asked = asked
        if missing <= 0:
            return 0
        self._told += missing
        return missing


class Overhearing(threading.Thread):
    """Listens for as long as the process lives, and says so in Redis."""

    def __init__(self) -> None:
        super().__init__(name="overhearing", daemon=True)
        self._client = redis_socket.client(_TIMEOUT)
        self._waiting: deque[Line] = deque(maxlen=KEPT)
        self._began, self._lines = int(time.time()), 0

    def run(self) -> None:
        while True:
            try:
                with (
                    closing(PacketLog(names.LOG_GROUP, _OCTETS)) as kernel,
                    closing(NamedCounters(names.APPLIANCE_TABLE)) as rules,
                    closing(NamedCounters(names.SIPALG_TABLE)) as alg,
                ):
                    self._listen(kernel, (rules, alg))
            except OSError as error:
                log.warning("the kernel's packet log is not heard: %s", error)
                self._say(errno.errorcode.get(error.errno or 0, str(error)))
                time.sleep(_AGAIN)

    def _listen(self, kernel: PacketLog, counts: tuple[NamedCounters, ...]) -> None:
        skipped, looked = Skipped(), 0.0
        while True:
            try:
                heard = kernel.read(_PATIENCE)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                heard = []  # what was lost stands in the counter
            skipped.heard(len(heard))
            self._waiting += [line_of(each, self._next(), _name(each.iif), _name(each.oif)) for each in heard]
            if time.monotonic() - looked >= _COUNTED:
                looked = time.monotonic()
                missing = skipped.look(_asked(counts))
                self._waiting += [skipped_line(self._next(), time.time(), missing)] if missing else []
                self._say("")
            self._tell()

    def _next(self) -> str:
        self._lines += 1
        return f"{self._began:x}-{self._lines:08x}"

    def _tell(self) -> None:
        lines = list(self._waiting)
        if not lines:
            return
        try:
            with self._client.pipeline() as pipeline:
                pipeline.rpush(names.log_lines(), *map(json.dumps, lines))
                pipeline.ltrim(names.log_lines(), -KEPT, -1)
                pipeline.publish(names.log_channel(), json.dumps(lines))
                pipeline.execute()
        except (redis.RedisError, OSError):
            return  # they wait
        self._waiting.clear()

    def _say(self, error: str) -> None:
        state: dict[str, Any] = {"since": self._began, "error": error}
        try:
            self._client.set(names.log_state(), json.dumps(state), ex=_SILENCE)
        except (redis.RedisError, OSError):
            return


def _asked(counts: tuple[NamedCounters, ...]) -> int | None:
    """Of both tables; None before there is any."""
    try:
        found = [each.packets().get(names.LOG_ASKED) for each in counts]
    except (DumpInterrupted, OSError):  # the next look will tell
        return None
    counted = [each for each in found if each is not None]
    return sum(counted) if counted else None


def _name(index: int) -> str:
    try:
        return socket.if_indextoname(index) if index else ""
    except OSError:  # gone meanwhile
        return str(index)
