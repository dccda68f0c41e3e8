# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine under the bench: what one message costs it, alone and among calls. Imported once the form is chosen."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median
from typing import Final

from sipalg_core.alg.engine import Engine
from sipalg_core.contract.policy import PortRange
from sipalg_core.io.faults import Faults
from sipalg_core.io.journal import Journal
from sipalg_core.net import Datagram, Endpoint, Flow, Side, Transport
from tests.bench import messages
from tests.unit.alg.harness import OURS, PHONE, PROVIDER, policy

NOW: Final = 1000.0
OUT: Final = Flow(Transport.UDP, Side.INTERNAL, PHONE, PROVIDER)
BACK: Final = Flow(Transport.UDP, Side.EXTERNAL, PROVIDER, Endpoint(OURS, 5060))

KINDS: Final[dict[str, Callable[[str, int], bytes]]] = {
    "OPTIONS": messages.options,
    "REGISTER": messages.register,
    "INVITE in a call": messages.reinvite,
    "INVITE of a new call": lambda call, cseq: messages.invite(f"{call}{cseq}"),
}


def made() -> Engine:
    return Engine(policy(media_ports=PortRange(10000, 59999)), random=Random(7), wall=1_700_000_000.0)


def alone(rounds: int, number: int) -> dict[str, float]:
    """CPU microseconds for a message of each kind; every round has an engine of its own, in a call."""
    return {kind: median(_round(build, number) for _ in range(rounds)) for kind, build in KINDS.items()}


def _round(build: Callable[[str, int], bytes], number: int) -> float:
    crowd = Crowd()
    crowd.call("standing", messages.PHONE_PORT)
    datagrams = [Datagram(build("standing", 2 + each), OUT) for each in range(number)]
    before = crowd.engine.counts["forwarded"]
    spent = crowd.spent(datagrams)
    assert crowd.engine.counts["forwarded"] - before == number, crowd.engine.counts
    return spent


class Crowd:
    """An engine and its calls; without their traces on wish."""

    def __init__(self, *, traced: bool = True) -> None:
        self.engine = made()
        self._calls = 0
        self._traced = traced

    def call(self, name: str, port: int) -> None:
        """INVITE, 180, 200, ACK."""
        sent = self.engine.receive(Datagram(messages.invite(name, port=port), OUT), NOW)
        (invited,) = [effect.data for effect in sent if hasattr(effect, "data")]
        self.engine.receive(Datagram(messages.ringing(invited), BACK), NOW)
        self.engine.receive(Datagram(messages.answer(invited), BACK), NOW)
        self.engine.receive(Datagram(messages.request("ACK", name, 1, to_tag=messages.CALLEE_TAG), OUT), NOW)
        self.engine.state.changes.take(1_000_000)  # the shell writes them down
        if not self._traced:
            traces = self.engine._traces
            traces._calls.clear()
            traces._octets.clear()

    def grow(self, calls: int) -> None:
        for number in range(self._calls, calls):
            self.call(f"call{number}", 10_000 + 2 * number)
        self._calls = calls

    def spent(self, datagrams: list[Datagram]) -> float:
        """CPU microseconds for each."""
        receive = self.engine.receive
        began = time.thread_time()
        for datagram in datagrams:
            receive(datagram, NOW)
        return (time.thread_time() - began) / len(datagrams) * 1e6

    def cost(self, turn: int, number: int) -> float:
        """Microseconds for a message within a call, of one call after the other."""
        return self.spent(self._infos(turn, number))

    def _infos(self, turn: int, number: int) -> list[Datagram]:
        names = [f"call{place * 7919 % self._calls}" for place in range(number)]
        cseqs = range(2 + turn * number, 2 + (turn + 1) * number)
        tag = messages.CALLEE_TAG
        infos = [messages.request("INFO", name, cseq, to_tag=tag) for name, cseq in zip(names, cseqs, strict=True)]
        return [Datagram(info, OUT) for info in infos]

    def taken_over(self, path: Path) -> tuple[float, float]:
        """Octets of a call in the journal, and seconds until another engine has read all of them."""
        names = self.engine.state.names()
        journal = Journal(self.engine.state, path, Faults(self.engine.counts))
        journal.restore(NOW)
        for part, key in names:
            self.engine.state.changes.note(part, key)
        journal.close()
        heir = made()
        second = Journal(heir.state, path, Faults(heir.counts))
        began = time.perf_counter()
        second.restore(NOW)
        seconds = time.perf_counter() - began
        second.close()
        assert len(heir.rows("calls", NOW)) == self._calls
        return path.stat().st_size / self._calls, seconds
