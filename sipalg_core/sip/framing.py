# SPDX-License-Identifier: GPL-2.0-or-later
"""A byte stream cut into SIP messages, from its first byte and by Content-Length only (RFC 3261 §18.3).

Rules of this file: a stream that is doubtful once is dead; nothing looks for a next start line (NAT slipstreaming lives
of those who do). No clock: the shell asks `awaits` and keeps the deadlines.
"""

from __future__ import annotations

from typing import Final, Literal

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.fields import MAX_LINE
from sipalg_core.sip.grammar import SIP_VERSION, is_token
from sipalg_core.sip.message import MAX_MESSAGE, stream_length

# --- Specification constants: who else may knock ---
_HTTP_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"TRACE", b"PATCH", b"PRI"))
"""RFC 9110 §9, RFC 5789, RFC 9113 §3.4, without OPTIONS, which SIP has too."""
_TLS_HANDSHAKE: Final = b"\x16\x03"
_STUN_COOKIE: Final = b"\x21\x12\xa4\x42"
"""RFC 8489 §5, at octet 4."""

# --- Implementation constants ---
_TELLING: Final = 8
"""So many octets tell a STUN message; before them only a complete line is judged."""
_LOOKED_AT: Final = 32
"""Octets of an incomplete first line that are judged again with every feed."""
_CRLF: Final = b"\r\n"

Awaits = Literal["message", "head", "body"]


class FramingError(ValueError):
    """The stream is no SIP, or can no longer be cut: close it.

    `reason` is a short constant word for counters and logs. `framed` is still for the engine: the messages that were
    complete before, and last, where a request can be answered, the head that was refused (its parser refuses it, too).
    """

    def __init__(self, reason: str, framed: list[bytes]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.framed = framed


class Framer:
    """One direction of one connection. It holds at most one message and what the last `feed` brought."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._line = 0  # where the line begins whose end is still looked for
        self._searched = 0  # no line end between there and here
        self._head = 0  # size of the head, 0 until it is complete
        self._size = 0  # size of the message, 0 until its head is complete
        self._failed = ""

    @property
    def awaits(self) -> Awaits:
        """What the next octets belong to: "message" between two of them, else the unfinished part of one."""
        if self._size:
            return "body"
        return "head" if self._buffer else "message"

    def feed(self, data: bytes) -> list[bytes]:
        """The messages and the keep-alives (runs of CR and LF, RFC 5626 §3.5.1) that are complete now, as they came.

        Raise FramingError, and again at every later call.
        """
        if self._failed:
            raise FramingError(self._failed, [])
        self._buffer += data
        framed: list[bytes] = []
        try:
            while self._buffer and (size := self._complete()):
                framed.append(self._cut(size))
        except ParseError as error:
            if self._head and error.status:
                framed.append(self._cut(self._head))
            self._buffer.clear()
            self._failed = error.reason
            raise FramingError(error.reason, framed) from error
        return framed

    def _cut(self, size: int) -> bytes:
        piece = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._line = self._searched = self._head = self._size = 0
        return piece

    def _complete(self) -> int:
        """The size of what stands complete at the beginning of the buffer, 0 where that is nothing."""
        buffer = self._buffer
        if not self._searched and buffer[0] in _CRLF:
            return next((at for at, byte in enumerate(buffer) if byte not in _CRLF), len(buffer))
        if not self._size:
            if not self._head_is_complete():
                return 0
            head = bytes(buffer[: self._head])
            if SIP_VERSION not in _words(head):
                raise ParseError("sip-version", 505)
            self._size = self._head + stream_length(head)
            if self._size > MAX_MESSAGE:
                raise ParseError("message-too-large", 0)
        return self._size if len(buffer) >= self._size else 0

    def _head_is_complete(self) -> bool:
        """Look for the blank line from where the last search ended, and judge the first line as soon as possible."""
        buffer = self._buffer
        while (end := buffer.find(b"\n", self._searched)) >= 0:
            if not self._line:
                _judge(bytes(buffer[: end + 1]))
            blank = not buffer[self._line : end].removesuffix(b"\r")
            self._line = self._searched = end + 1
            if blank:
                self._head = end + 1
                return True
        self._searched = len(buffer)
        if not self._line:
            _judge(bytes(buffer[:_LOOKED_AT]))
        if self._searched > MAX_MESSAGE:
            raise ParseError("message-too-large", 0)
        if self._searched - self._line > MAX_LINE:
            raise ParseError("line-too-long", 0)
        return False


def _words(head: bytes) -> list[bytes]:
    return head[: head.find(b"\n")].removesuffix(b"\r").split(b" ")


def _judge(first: bytes) -> None:
    """Raise ParseError where what we know of a first line is no SIP. An ill-formed start line of SIP passes."""
    complete = first[-1:] == b"\n"
    if len(first) < _TELLING and not complete:
        return
    word, blank, _ = first.partition(b" ")
    if first[:2] == _TLS_HANDSHAKE:
        raise ParseError("not-sip-tls", 0)
    if first[4:8] == _STUN_COOKIE:
        raise ParseError("not-sip-stun", 0)
    if (blank and word in _HTTP_METHODS) or word[:5] == b"HTTP/":
        raise ParseError("not-sip-http", 0)
    if word[:4] != b"SIP/" and not is_token(word):
        raise ParseError("not-sip", 0)
    if complete and b" HTTP/" in first:  # only now: the reason must not depend on the segments
        raise ParseError("not-sip-http", 0)
    if complete and not any(part[:4] == b"SIP/" for part in _words(first)):
        raise ParseError("not-sip", 0)
