# SPDX-License-Identifier: GPL-2.0-or-later
"""The parties of the self-test: sockets in the sandbox's hosts that speak SIP over UDP or TCP, and send media."""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from typing import Final

from sipalg_core.net import Endpoint, Transport
from sipalg_core.selftest.sandbox import Sandbox, made
from sipalg_core.selftest.script import cut, start_line

PATIENCE: Final = 2.0
"""Seconds for what must arrive."""
SILENCE: Final = 0.3
"""Seconds in which what must not arrive did not."""


class Failed(Exception):
    """The ALG did not do what it must; the message says what was seen."""


class Party:
    """A SIP endpoint; answers go to where the last message came from."""

    def __init__(self, sandbox: Sandbox, space: str, at: Endpoint, transport: Transport) -> None:
        self.at, self.transport = at, transport
        self._sandbox, self._space = sandbox, space
        self._heard: Endpoint | None = None
        self._connection: socket.socket | None = None
        self._stream = b""
        kind = socket.SOCK_DGRAM if transport is Transport.UDP else socket.SOCK_STREAM
        self._socket = sandbox.within(space, lambda: made(kind, *at))
        if transport is Transport.TCP:
            self._socket.listen()

    @property
    def via(self) -> str:
        return f"SIP/2.0/{self.transport.upper()} {self.at}"

    def contact(self, user: str) -> str:
        return f"<sip:{user}@{self.at}{';transport=tcp' if self.transport is Transport.TCP else ''}>"

    def close(self) -> None:
        for each in (self._connection, self._socket):
            if each is not None:
                each.close()

    def send(self, data: bytes, to: Endpoint | None = None) -> None:
        target = to or self._heard
        assert target is not None
        if self.transport is Transport.UDP:
            self._socket.sendto(data, target)
            return
        if self._connection is None:
            self._connection = self._sandbox.within(self._space, lambda: made(socket.SOCK_STREAM, self.at.host, 0))
            self._connection.settimeout(PATIENCE)
            self._connection.connect(target)
        self._connection.sendall(data)

    def take(self, wanted: str) -> bytes:
        """The next message, which must begin with this method or carry this status."""
        data = self._next(PATIENCE)
        if not data:
            raise Failed(f"{wanted} did not arrive at {self.at}.")
        words = start_line(data).split(" ")
        if wanted not in words[:2]:
            raise Failed(f"{wanted} was expected at {self.at}, but {start_line(data)!r} came.")
        return data

    def silent(self) -> bool:
        return not self._next(SILENCE)

    def _next(self, seconds: float) -> bytes:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            message, self._stream = cut(self._stream)
            if message:
                return message
            readable, _, _ = select.select([each for each in (self._socket, self._connection) if each], [], [], left)
            for each in readable:
                self._read(each)
                if self.transport is Transport.UDP and self._stream:
                    message, self._stream = self._stream, b""
                    return message
        return b""

    def _read(self, readable: socket.socket) -> None:
        if self.transport is Transport.UDP:
            self._stream, source = readable.recvfrom(65535)
            self._heard = Endpoint(*source[:2])
        elif readable is self._socket:
            self._connection, source = readable.accept()
            self._heard = Endpoint(*source[:2])
        else:
            data = readable.recv(65535)
            if not data:
                readable.close()
                self._connection = None
            self._stream += data


class Media:
    """One RTP socket."""

    def __init__(self, sandbox: Sandbox, space: str, at: Endpoint) -> None:
        self.at = at
        self._socket = sandbox.within(space, lambda: made(socket.SOCK_DGRAM, *at))

    def close(self) -> None:
        self._socket.close()

    def play(self, to: Endpoint, packets: int = 5) -> None:
        for number in range(packets):
            self._socket.sendto(b"\x80\x08" + number.to_bytes(2, "big") + bytes(168), to)

    def heard(self, packets: int, seconds: float = PATIENCE) -> list[Endpoint]:
        """Where the next packets came from; fewer where fewer came."""
        sources: list[Endpoint] = []
        deadline = time.monotonic() + seconds
        while len(sources) < packets and (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            with suppress(TimeoutError):
                sources.append(Endpoint(*self._socket.recvfrom(2048)[1][:2]))
        return sources


def flows(sender: Media, to: Endpoint, receiver: Media, seen_as: Endpoint) -> None:
    """Raise Failed unless every packet arrives, from exactly that endpoint."""
    sender.play(to)
    came = receiver.heard(5)
    if len(came) < 5:
        raise Failed(f"Of 5 audio packets from {sender.at} to {to}, {len(came)} arrived at {receiver.at}.")
    if set(came) != {seen_as}:
        raise Failed(f"Audio arrived at {receiver.at} from {came[0]}, not from {seen_as}.")


def closed(sender: Media, to: Endpoint, receiver: Media) -> None:
    """Raise Failed if a single packet arrives."""
    sender.play(to)
    came = receiver.heard(1, SILENCE)
    if came:
        raise Failed(f"Audio from {sender.at} to {to} still arrives although nothing should be open.")
