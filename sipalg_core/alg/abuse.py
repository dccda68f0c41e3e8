# SPDX-License-Identifier: GPL-2.0-or-later
"""Who of the outside says again and again what no provider says: counted a minute long, then the host is to be banned.

Only a host that a peering covers by a network comes here: a stranger's packets are counted by the kernel, and who is
named singly is never banned. The source of a datagram may be forged, so a host that we are in touch with is spared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sipalg_core.contract.policy import AlgPolicy

# --- Implementation constants ---
WINDOW: Final = 60.0  # seconds
MAX_NOTED: Final = 10_000  # hosts; the oldest goes first
REFUSALS: Final = frozenset({"no-rule", "register-from-outside"})
"""What else counts beside malformed messages and other protocols."""


@dataclass(slots=True)
class _Noted:
    times: int
    until: float


class Abuse:
    def __init__(self) -> None:
        self._noted: dict[str, _Noted] = {}

    def forget(self, host: str) -> None:
        """He begins anew."""
        self._noted.pop(host, None)

    def once_more(self, host: str, policy: AlgPolicy, now: float) -> bool:
        """Note an abuse of this host; true where it is the one too much."""
        if not policy.screening.ban:
            return False
        noted = self._noted.get(host)
        if noted is None or noted.until <= now:
            self._noted.pop(host, None)
            if len(self._noted) >= MAX_NOTED:
                del self._noted[next(iter(self._noted))]
            noted = self._noted[host] = _Noted(0, now + WINDOW)
        noted.times += 1
        if noted.times < policy.screening.ban_after:
            return False
        self.forget(host)
        return True
