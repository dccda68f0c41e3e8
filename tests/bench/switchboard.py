# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m tests.bench.switchboard CALLS`: an engine with so many calls, telling the console what a real one would.

Decisions, rows, numbering and control socket are those in service; only its wires have nobody. Each line of input is a
command: `pace N` changes N calls a second from now on, `lose` numbers the next delta of the calls and does not send it.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from collections.abc import Iterable
from random import Random
from typing import Any, Final

from sipalg_core.alg.effects import Changed, ClosePinhole, Effect, OpenPinhole
from sipalg_core.alg.engine import Engine
from sipalg_core.contract import names
from sipalg_core.contract.control import Counter
from sipalg_core.contract.events import TOPICS
from sipalg_core.contract.policy import PortRange
from sipalg_core.io.control import Answer, BadRequest, ControlServer
from sipalg_core.io.faults import Faults
from sipalg_core.io.publisher import Publisher
from sipalg_core.io.questions import questions
from sipalg_core.net import Datagram
from tests.bench import messages
from tests.bench.crowd_of_calls import BACK, OUT
from tests.unit.alg.harness import policy, respond

FIRST_PORT: Final = 10_000
PORTS: Final = 25_000
"""Of the phone's media: a pair each, so many before they are taken again."""
TURN: Final = 0.02  # s; what is due is done so often
COUNTING: Final = 0.5  # s, as the engine in service asks the kernel
EXCHANGES: Final = 28
"""Of the last call that is there from the beginning: with INVITE, 180, 200 and ACK these are sixty messages."""
PACKETS: Final = 25
"""Of speech, in that time."""


class Switchboard:
    """Calls that begin, are answered and end, always as many."""

    def __init__(self) -> None:
        wall = time.time() - time.monotonic()
        self._engine = Engine(policy(media_ports=PortRange(10_000, 59_999)), random=Random(7), wall=wall)
        faults = Faults(self._engine.counts)
        self._publisher = Publisher(self._engine, names.redis_socket(), faults)
        self._control = ControlServer(
            {"snapshot": self._snapshot, "ping": self._ping} | questions(self._engine), faults
        )
        self._pace = 0.0
        self._number = 0
        self._ringing = b""
        self._talking: deque[tuple[str, int]] = deque()
        self._counters: dict[int, Counter] = {}  # of what the kernel would have open
        self._acts = (self._begin, self._answer, self._end)
        self.done = 0

    # --- calls ---

    def fill(self, calls: int) -> None:
        for _ in range(calls):
            self._begin()
            self._answer()

    def lengthen(self, exchanges: int) -> None:
        """The last call has much to say."""
        name = f"call{self._number}"
        for cseq in range(2, 2 + exchanges):
            info = messages.request("INFO", name, cseq, to_tag=messages.CALLEE_TAG)
            (sent,) = self._receive(Datagram(info, OUT))
            self._receive(Datagram(respond(sent, 200, "OK"), BACK))

    def act(self) -> None:
        """One change of one call."""
        self._acts[self.done % len(self._acts)]()
        self.done += 1

    def _begin(self) -> None:
        self._number += 1
        invite = messages.invite(f"call{self._number}", port=FIRST_PORT + 2 * (self._number % PORTS))
        (self._ringing,) = self._receive(Datagram(invite, OUT))
        self._receive(Datagram(messages.ringing(self._ringing), BACK))

    def _answer(self) -> None:
        self._receive(Datagram(messages.answer(self._ringing), BACK))
        name = f"call{self._number}"
        self._receive(Datagram(messages.request("ACK", name, 1, to_tag=messages.CALLEE_TAG), OUT))
        self._talking.append((name, self._number))

    def _end(self) -> None:
        name, _ = self._talking.popleft()
        self._receive(Datagram(messages.request("BYE", name, 2, to_tag=messages.CALLEE_TAG), OUT))

    def _receive(self, datagram: Datagram) -> list[bytes]:
        return self._do(self._engine.receive(datagram, time.monotonic()))

    def _do(self, effects: Iterable[Effect]) -> list[bytes]:
        for effect in effects:
            match effect:
                case Changed(topic, ident):
                    self._publisher.changed(topic, ident)
                case OpenPinhole(pinhole):
                    self._counters[pinhole.id] = Counter(pinhole.id, 0, 0)
                case ClosePinhole(pinhole):
                    self._counters.pop(pinhole.id, None)
        self._engine.state.changes.take(1_000_000)  # nobody keeps a journal
        return [effect.data for effect in effects if hasattr(effect, "data")]

    def _speech(self) -> list[Counter]:
        """Packets of all openings since the last count: everybody speaks, both ways."""
        for ident, (_, inward, outward) in self._counters.items():
            self._counters[ident] = Counter(ident, inward + PACKETS, outward + PACKETS)
        return list(self._counters.values())

    # --- as the engine's process ---

    async def run(self, calls: int) -> None:
        self.fill(calls)
        self.lengthen(EXCHANGES)
        self._publisher.deltas()  # nobody has looked yet
        await self._control.start(names.engine_socket())
        publishing = asyncio.create_task(self._publisher.run())
        listening = asyncio.create_task(self._listen())
        began, due, counting = time.monotonic(), 0.0, time.monotonic()
        while not listening.done():
            await asyncio.sleep(TURN)
            due += self._pace * (time.monotonic() - began)
            began = time.monotonic()
            while due >= 1:
                self.act()
                due -= 1
            if began >= counting:
                counting = began + COUNTING
                self._do(self._engine.count(self._speech(), [], began))
            deadline = self._engine.next_deadline()
            if deadline is not None and deadline <= began:
                self._do(self._engine.tick(began))
        publishing.cancel()
        await self._control.close()
        await self._publisher.close()

    async def _listen(self) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            match line.decode().split():
                case ["pace", pace]:
                    self._pace = float(pace)
                case ["lose"]:
                    self._publisher.deltas()

    async def _snapshot(self, request: dict[str, Any]) -> Answer:
        for topic in TOPICS:
            if topic == request.get("topic"):
                return dict(self._publisher.snapshot(topic))
        raise BadRequest("no such topic")

    async def _ping(self, _: dict[str, Any]) -> Answer:
        return {"ok": True, "revision": 1, "broker": True, "changes": self.done}


if __name__ == "__main__":
    asyncio.run(Switchboard().run(int(sys.argv[1])))
