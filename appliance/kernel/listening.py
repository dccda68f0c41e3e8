# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin's ear at the media: makes figures of the headers that the kernel hands over, for the worker to record."""

from __future__ import annotations

import errno
import json
import logging
import socket
import threading
import time
from contextlib import closing
from typing import Final

import redis

from appliance import redis_socket
from appliance.kernel.media_runs import MediaRuns
from sipalg_core.contract import names
from sipalg_core.nft.packet_log import PacketLog

log = logging.getLogger(__name__)

_SO_TIMESTAMPNS: Final = 35  # asm-generic/socket.h; Python has no name for it

# --- Implementation constants ---

KEPT: Final = 20_000
"""Figures that nobody has recorded yet; 64 streams of a family make 770 a minute at most."""
_OCTETS: Final = 60
_PATIENCE: Final = 0.5  # s
_AGAIN: Final = 5.0  # s until the kernel is asked again that has refused
_TIMEOUT: Final = 0.5  # s; Redis is on this machine


class Listening(threading.Thread):
    """Listens for as long as the process lives."""

    def __init__(self) -> None:
        super().__init__(name="listening", daemon=True)
        self._client = redis_socket.client(_TIMEOUT)

    def run(self) -> None:
        while True:
            try:
                with _stamping(), closing(PacketLog(names.MEDIA_GROUP, _OCTETS)) as kernel:
                    self._listen(kernel, MediaRuns())
            except OSError as error:
                log.warning("the kernel's media samples are not heard: %s", error)
                time.sleep(_AGAIN)

    def _listen(self, kernel: PacketLog, runs: MediaRuns) -> None:
        while True:
            try:
                heard = kernel.read(_PATIENCE)
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                runs = MediaRuns()  # gaps of ours would be loss of theirs
                continue
            for each in heard:
                runs.take(each.payload, each.at)
            told = runs.ended(time.time())
            if told:
                self._tell([json.dumps(each) for each in told])

    def _tell(self, told: list[str]) -> None:
        try:
            with self._client.pipeline() as pipeline:
                pipeline.rpush(names.media_runs(), *told)
                pipeline.ltrim(names.media_runs(), -KEPT, -1)
                pipeline.execute()
        except (redis.RedisError, OSError) as error:
            log.warning("figures of media are lost: %s", error)


def _stamping() -> socket.socket:
    """While it is open the kernel notes when a packet came in; else it knows only when we read it."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    made.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    return made
