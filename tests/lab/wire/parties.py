# SPDX-License-Identifier: GPL-2.0-or-later
"""Who speaks on the wire: parties with real sockets that send bytes and take what comes, and their RTP."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from sipalg_core.net import Endpoint
from tests.lab.kernel_rig import udp, within
from tests.lab.wire.messages import word

PATIENCE: Final = 10.0
"""Seconds for what must arrive; a busy machine is no fault of the ALG."""
SILENCE: Final = 0.25
"""Seconds in which what must not arrive did not."""
_RESET: Final = struct.pack("ii", 1, 0)
_BUFFER: Final = 1 << 20


class Party:
    """A SIP endpoint over UDP or TCP. `heard` is where the last message came from.

    Over TCP there is a connection for each peer: the one it came by, else one that is opened from this endpoint.
    """

    def __init__(self, namespace: str, at: Endpoint, transport: str, peer: Endpoint | None = None) -> None:
        self.namespace, self.at, self.transport, self.peer = namespace, at, transport, peer
        self.heard: Endpoint | None = None
        self.patience = PATIENCE
        self._waiting: deque[tuple[bytes, Endpoint]] = deque()
        self._connections: dict[Endpoint, socket.socket] = {}
        self._unread: dict[Endpoint, bytes] = {}
        if transport == "udp":
            self._socket = udp(namespace, at)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        else:
            self._socket = self._stream()
            self._socket.listen()

    def close(self) -> None:
        for connection in self._connections.values():
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)  # the next test has the same ports
            connection.close()
        self._connections.clear()
        self._socket.close()

    @property
    def via(self) -> str:
        return f"SIP/2.0/{self.transport.upper()} {self.at}"

    # --- sending ---

    def send(self, data: bytes, to: Endpoint | None = None) -> None:
        """To where it is told, else to where it heard from last, else to its peer."""
        target = to or self.heard or self.peer
        assert target is not None
        if self.transport == "udp":
            self._socket.sendto(data, target)
        else:
            self.connection(target).sendall(data)

    def connection(self, to: Endpoint) -> socket.socket:
        """Over TCP: the connection with that peer."""
        known = self._connections.get(to)
        if known is None:
            known = self._stream()
            known.settimeout(self.patience)
            try:
                known.connect(to)
            except OSError:
                known.close()
                raise
            self._keep(to, known)
        return known

    def _stream(self) -> socket.socket:
        def make() -> socket.socket:
            made = socket.socket(socket.AF_INET6 if ":" in self.at.host else socket.AF_INET, socket.SOCK_STREAM)
            for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):  # it listens where it connects from
                made.setsockopt(socket.SOL_SOCKET, option, 1)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.bind(self.at)
            return made

        return within(self.namespace, make)

    def _keep(self, peer: Endpoint, connection: socket.socket) -> None:
        self._connections[peer] = connection
        self._unread[peer] = b""

    # --- taking ---

    def take(self, wanted: str | int = "", wait: float = 0) -> bytes:
        """The next message, which must be this method or this status. The oracle is `Wire.take`."""
        data, self.heard = self._next(time.monotonic() + (wait or self.patience), wanted)
        assert not wanted or word(data) == str(wanted), f"{wanted} expected at {self.at}, came: {data[:300]!r}"
        return data

    def unread(self) -> bytes:
        """What came by the last connection and is no whole message; answers go there."""
        self.heard = next(reversed(self._unread), None)
        return self._unread[self.heard] if self.heard else b""

    def take_all(self) -> list[bytes]:
        """What has come and nobody took."""
        while self._wait(time.monotonic()):
            pass
        left = [data for data, _ in self._waiting]
        self._waiting.clear()
        return left

    def silent(self, wait: float = SILENCE) -> bool:
        """Whether nothing comes."""
        if not self._waiting:
            self._wait(time.monotonic() + wait)
        return not self._waiting

    def _next(self, deadline: float, wanted: str | int) -> tuple[bytes, Endpoint]:
        while not self._waiting and time.monotonic() < deadline:
            self._wait(deadline)
        assert self._waiting, f"{wanted or 'a message'} never came to {self.at}"
        return self._waiting.popleft()

    def _wait(self, deadline: float) -> bool:
        sockets = [self._socket, *self._connections.values()]
        readable, _, _ = select.select(sockets, [], [], max(deadline - time.monotonic(), 0))
        for each in readable:
            if each is not self._socket:
                self._read(each)
            elif self.transport == "udp":
                data, source = each.recvfrom(65535)
                self._waiting.append((data, Endpoint(*source[:2])))
            else:
                made, source = each.accept()
                self._keep(Endpoint(*source[:2]), made)
        return bool(readable)

    def _read(self, connection: socket.socket) -> None:
        (peer,) = (known for known, each in self._connections.items() if each is connection)
        try:
            data = connection.recv(65535)
        except ConnectionError:
            data = b""
        if not data:
            connection.close()
            del self._connections[peer]
            return
        messages, self._unread[peer] = cut(self._unread[peer] + data)
        self._waiting.extend((each, peer) for each in messages)


def cut(stream: bytes) -> tuple[list[bytes], bytes]:
    """The whole messages at the beginning of a stream and what is left; an empty line is a keep-alive (RFC 5626)."""
    messages = []
    while stream:
        if stream.startswith(b"\r\n"):
            end = 4 if stream.startswith(b"\r\n\r\n") else 2
        else:
            head, separator, _ = stream.partition(b"\r\n\r\n")
            length = re.search(rb"(?im)^(?:content-length|l)[ \t]*:[ \t]*(\d+)", head)
            end = len(head) + 4 + (int(length[1]) if length else 0)
            if not separator or len(stream) < end:
                break
        messages.append(stream[:end])
        stream = stream[end:]
    return messages, stream


class Media:
    """One RTP (or RTCP, or UDPTL) socket: numbered packets go out, and those that came must be all, in order."""

    def __init__(self, namespace: str, at: Endpoint) -> None:
        self.at = at
        self._socket = udp(namespace, at)
        self._number = 0

    def close(self) -> None:
        self._socket.close()

    def play(self, to: Endpoint, packets: int = 3) -> list[int]:
        """Send that many packets; returns their sequence numbers."""
        numbers = list(range(self._number, self._number + packets))
        self._number += packets
        for number in numbers:
            rtp = struct.pack("!BBHII", 0x80, 8, number, number * 160, hash(self.at) & 0xFFFFFFFF)
            self._socket.sendto(rtp + bytes(160), to)
        return numbers

    def heard(self, packets: int, wait: float = PATIENCE) -> list[tuple[int, Endpoint]]:
        """Sequence number and source of the next packets, at most that many."""
        came: list[tuple[int, Endpoint]] = []
        deadline = time.monotonic() + wait
        while len(came) < packets and (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                data, source = self._socket.recvfrom(2048)
                came.append((struct.unpack_from("!H", data, 2)[0], Endpoint(*source[:2])))
        return came

    def silent(self, wait: float = SILENCE) -> bool:
        return not self.heard(1, wait)


def flows(sender: Media, to: Endpoint, receiver: Media, seen_as: Endpoint, packets: int = 3) -> None:
    """Every packet arrives, in order, from exactly that endpoint."""
    sent = sender.play(to, packets)
    assert receiver.heard(packets) == [(number, seen_as) for number in sent], f"{sender.at} → {to} → {receiver.at}"


def both_ways(inside: Media, outside: Media, mapped: Endpoint, packets: int = 3) -> None:
    """Audio crosses: it leaves from the port that was announced, and comes from the one that was announced to us."""
    flows(inside, outside.at, outside, mapped, packets)
    flows(outside, mapped, inside, outside.at, packets)


def nothing_passes(inside: Media, outside: Media, mapped: Endpoint) -> None:
    inside.play(outside.at)
    outside.play(mapped)
    assert inside.silent(), f"{outside.at} still reaches {inside.at}"
    assert outside.silent(0.05), f"{inside.at} still reaches {outside.at}"


@contextlib.contextmanager
def media(namespace: str, *at: Endpoint) -> Iterator[list[Media]]:
    made = [Media(namespace, each) for each in at]
    try:
        yield made
    finally:
        for each in made:
            each.close()
