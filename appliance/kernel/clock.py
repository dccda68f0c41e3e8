# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether the machine's clock is kept in step, as the kernel says. Reads only, and needs no privilege."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

# --- Specification: adjtimex(2), linux/timex.h; systemd-timesyncd.service(8) ---

_TIME_ERROR: Final = 5
_STA_UNSYNC: Final = 0x0040
_HEAD: Final = struct.Struct("@Illlli")  # modes, offset, freq, maxerror, esterror, status
_TIMEX: Final = 512  # octets; more than any architecture's
_TIMESYNCD: Final = Path("/run/systemd/timesync/synchronized")


@dataclass(frozen=True, slots=True)
class Clock:
    """`synchronised` is None where the kernel may not be asked; `error` is the most that it may be off, in seconds."""

    now: datetime
    synchronised: bool | None
    error: float | None = None
    last: datetime | None = None  # when systemd-timesyncd last set it


def clock() -> Clock:
    last = _last_set()
    timex = ctypes.create_string_buffer(_TIMEX)  # modes 0: only asked
    state = ctypes.CDLL(None, use_errno=True).adjtimex(timex)
    if state < 0:  # a sandbox may forbid the call (systemd's ProtectClock=)
        return Clock(datetime.now(UTC), True if last else None, last=last)
    _modes, _offset, _freq, furthest, _estimated, status = _HEAD.unpack_from(timex)
    in_step = state != _TIME_ERROR and not status & _STA_UNSYNC
    return Clock(datetime.now(UTC), in_step, furthest / 1e6 if in_step else None, last)


def _last_set() -> datetime | None:
    try:
        return datetime.fromtimestamp(_TIMESYNCD.stat().st_mtime, UTC)
    except OSError:
        return None
