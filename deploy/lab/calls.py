# SPDX-License-Identifier: GPL-2.0-or-later
"""Placing a real call: a baresip of the laboratory is told to dial, over its ctrl_tcp (JSON in netstrings)."""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final, Self

from deploy.lab import peers, topology
from deploy.lab.peers import Phone

Event = dict[str, Any]

ANSWER_SECONDS: Final = 10.0
_RESPONSE_SECONDS: Final = 3.0


class CallFailed(Exception):
    """The call did not come about, or did not end, as it should; the message says who said what."""


class Control:
    """The one control connection that a baresip accepts; a newer one takes the older one's place."""

    def __init__(self, phone: Phone, connection: socket.socket) -> None:
        self.phone = phone
        self._connection = connection
        self._received = b""
        self._events: deque[Event] = deque()

    def close(self) -> None:
        self._connection.close()

    def command(self, command: str, parameters: str = "") -> str:
        """What baresip answers; events that come meanwhile wait for `event`."""
        text = json.dumps({"command": command, "params": parameters}).encode()
        self._connection.sendall(b"%d:%s," % (len(text), text))
        deadline = time.monotonic() + _RESPONSE_SECONDS
        while message := self._receive(deadline):
            if message.get("response"):
                if not message.get("ok"):
                    raise CallFailed(f"{self.phone.name} refused {command!r}: {message.get('data', '')}")
                return str(message.get("data", ""))
            self._events.append(message)
        raise CallFailed(f"{self.phone.name} did not answer {command!r} within {_RESPONSE_SECONDS:.0f} s")

    def event(self, deadline: float) -> Event | None:
        """The next event, or None where none came before `deadline` (monotonic)."""
        return self._events.popleft() if self._events else self._receive(deadline)

    def _receive(self, deadline: float) -> Event | None:
        while True:
            length, colon, rest = self._received.partition(b":")
            if colon and len(rest) > int(length):
                text, self._received = rest[: int(length)], rest[int(length) + 1 :]
                message: Event = json.loads(text)
                return message
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self._connection.settimeout(left)
            try:
                chunk = self._connection.recv(65536)
            except TimeoutError:
                return None
            if not chunk:
                raise CallFailed(
                    f"{self.phone.name} closed its control connection: it ended, or somebody else took over"
                )
            self._received += chunk


@dataclass
class Call:
    """An established call of `control`'s phone; leaving the context hangs it up."""

    control: Control
    peer: str
    id: str  # the Call-ID header field
    setup_seconds: float

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_outcome: object) -> None:
        try:
            self.hang_up()
        finally:
            self.control.close()

    def hang_up(self) -> None:
        """Send the BYE; returns when baresip has closed the call. A call that is over already is left alone."""
        try:
            self.control.command("callfind", self.id)
        except CallFailed:
            return
        self.control.command("hangup")
        deadline = time.monotonic() + _RESPONSE_SECONDS
        while event := self.control.event(deadline):
            if event.get("type") == "CALL_CLOSED" and event.get("id", self.id) == self.id:
                return


def control(phone: Phone) -> Control:
    """A connection to the phone's baresip from anywhere on the machine (needs root)."""
    try:
        return Control(phone, topology.connect(phone.namespace, phone.control))
    except OSError as error:
        raise CallFailed(f"{phone.name} is not running: {error.strerror or error}") from error


def dial(control: Control, user: str, patience: float = ANSWER_SECONDS) -> Call:
    """Call a user of the provider; returns when the call is established, raises CallFailed with the reason if not."""
    began = time.monotonic()
    control.command("dial", f"sip:{user}@{topology.PROVIDER}")
    while event := control.event(began + patience):
        if event.get("direction") == "incoming":
            continue
        if event.get("type") == "CALL_ESTABLISHED":
            return Call(control, user, str(event.get("id", "")), time.monotonic() - began)
        if event.get("type") == "CALL_CLOSED":
            raise CallFailed(f"{control.phone.name} → {user}: {event.get('param') or 'closed without a reason'}")
    control.command("hangup")
    raise CallFailed(f"{control.phone.name} → {user}: no answer within {patience:.0f} s")


def place(direction: str = "outbound", patience: float = ANSWER_SECONDS) -> Call:
    """One call through the appliance, seen from the inside: `outbound` or `inbound`."""
    phone, subscriber = peers.PHONES[0], peers.SUBSCRIBERS[0]
    caller, callee = (phone, subscriber) if direction == "outbound" else (subscriber, phone)
    connection = control(caller)
    try:
        return dial(connection, callee.user, patience)
    except BaseException:
        connection.close()
        raise
