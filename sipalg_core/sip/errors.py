# SPDX-License-Identifier: GPL-2.0-or-later
"""The one error of parsing, with the reason that is counted and the answer that a request deserves."""

from __future__ import annotations


class ParseError(ValueError):
    """The bytes are no message that we may act on.

    `reason` is a short constant word for counters and logs; `status` the SIP answer to a request, 0 for silence.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
