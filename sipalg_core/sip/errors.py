# SPDX-License-Identifier: GPL-2.0-or-later
"""The one error of parsing, with the reason that is counted and the answer that a request deserves."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sipalg_core.sip.message import Message


class ParseError(ValueError):
    """The bytes are no message that we may act on.

    `reason` is a short constant word for counters and logs; `status` the SIP answer to a request, 0 for silence;
    `partial` the request as far as it was understood, to answer it from, or None.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.partial: Message | None = None
