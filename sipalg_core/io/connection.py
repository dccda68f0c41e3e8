# SPDX-License-Identifier: GPL-2.0-or-later
"""One TCP connection: bytes are cut into messages from the first one on, within deadlines and with a bounded output.

Rules of this file: a connection that is no SIP once is closed, never searched for a next message (NAT slipstreaming);
who is slow, silent or does not read is closed, too; every end that a peer did not wish for has its reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, cast

from sipalg_core.net import Flow
from sipalg_core.sip.framing import Framer, FramingError

# --- Implementation constants ---

PART_TIMEOUT: Final = 10.0  # seconds for a head, and for a body: nobody types SIP by hand
IDLE_TIMEOUT: Final = 1200.0
"""Seconds between two messages; phones keep a connection alive far more often (RFC 5626 §4.4.1: 95 to 120 s)."""
LONGEST_OUTPUT: Final = 256 * 1024  # bytes that a peer may leave unread

_CRLF: Final = b"\r\n"


class Connection(asyncio.Protocol):
    """`flow` is that of the messages that come on it: from the peer, to the address that the peer believes in.

    `heard` gets every message, `ended` the reason of the end, "" where the peer closed or we did at its request.
    """

    def __init__(
        self,
        flow: Flow,
        heard: Callable[[Connection, bytes], None],
        ended: Callable[[Connection, str], None],
    ) -> None:
        self.flow = flow
        self.paired: set[Connection] = set()
        self._heard = heard
        self._ended = ended
        self._framer = Framer()
        self._awaits = "message"
        self._spoken = False
        self._transport: asyncio.Transport | None = None
        self._unsent = bytearray()  # until it is connected
        self._closes = False  # as soon as that is sent
        self._reason = ""
        self._over = False
        self._deadline = asyncio.get_running_loop().time() + PART_TIMEOUT

    @property
    def ending(self) -> bool:
        """What is given to it now would be lost."""
        return self._over or (self._transport is not None and self._transport.is_closing())

    @property
    def nobodys(self) -> bool:
        """Who it was opened for is gone before it is made."""
        return self._closes

    # --- what we do ---

    def send(self, data: bytes) -> None:
        waiting = self._transport.get_write_buffer_size() if self._transport else len(self._unsent)
        if waiting + len(data) > LONGEST_OUTPUT:
            self.abort("unread")
        elif self._transport is None:
            self._unsent += data
            self._closes = False  # it is wanted again
        else:
            self._transport.write(data)
            self._renew()

    def close(self, reason: str = "") -> None:
        """After what was sent has left; `expire` sees to it that this does not last."""
        self._reason = self._reason or reason
        if self._transport is None and self._unsent:
            self._closes = True
        elif self._transport is None:
            self.connection_lost(None)
        else:
            self._deadline = min(self._deadline, asyncio.get_running_loop().time() + PART_TIMEOUT)
            self._transport.close()

    def abort(self, reason: str) -> None:
        self._reason = self._reason or reason
        if self._transport is None:
            self.connection_lost(None)
        else:
            self._transport.abort()

    def expire(self, now: float) -> None:
        """End it where its peer has kept us waiting for too long."""
        if now >= self._deadline:
            self.abort(f"slow-{self._awaits}" if self._awaits != "message" or not self._spoken else "idle")

    # --- what asyncio tells ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._over:  # closed while it was being opened
            self._transport.abort()
        elif self._unsent:
            self._transport.write(bytes(self._unsent))
            self._unsent.clear()
            self._spoken = True  # we asked: the answer may take its time
            self._renew()
        if self._closes:
            self._transport.close()

    def data_received(self, data: bytes) -> None:
        reason = ""
        try:
            messages = self._framer.feed(data)
        except FramingError as error:
            messages, reason = error.framed, error.reason
        for message in messages:
            self._spoken = self._spoken or bool(message.strip(_CRLF))
            self._heard(self, message)
        if reason:
            self.close(reason)
        elif messages or self._framer.awaits != self._awaits:
            self._renew()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._over:
            self._over = True
            self._ended(self, self._reason or ("reset" if isinstance(exc, ConnectionError) else ""))

    def _renew(self) -> None:
        """A message may be far; the rest of one that has begun may not. Single bytes renew nothing."""
        self._awaits = self._framer.awaits
        patient = self._awaits == "message" and self._spoken
        self._deadline = asyncio.get_running_loop().time() + (IDLE_TIMEOUT if patient else PART_TIMEOUT)
