# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine process: datagrams, time, counters and policies go in; effects are done in their order."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from ipaddress import ip_address
from random import SystemRandom
from typing import Any, Final

from sipalg_core.alg.effects import Ban, Changed, ClosePinhole, Effect, Forward, Listen, OpenPinhole
from sipalg_core.alg.engine import Engine
from sipalg_core.contract import names
from sipalg_core.contract.control import (
    TOGETHER,
    WILDCARD,
    AlreadyRunning,
    Pinhole,
    Reply,
    Status,
    claim,
    peer_ports,
    wildcard,
)
from sipalg_core.contract.events import TOPICS
from sipalg_core.contract.policy import AlgPolicy, PolicyError
from sipalg_core.contract.running import running
from sipalg_core.io import tproxy
from sipalg_core.io.control import Answer, BadRequest, ControlServer
from sipalg_core.io.faults import Faults
from sipalg_core.io.journal import Journal
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.io.publisher import Publisher
from sipalg_core.io.questions import ident, questions
from sipalg_core.io.tcp import TcpConnections
from sipalg_core.io.udp import UdpSockets
from sipalg_core.net import Datagram, Endpoint, Flow, Transport

log = logging.getLogger(__name__)

# --- Implementation constants ---

COUNT_INTERVAL: Final = 0.5  # seconds; the arrows of the live view follow the audio by no more than this
_PATIENCE: Final = 2.0  # seconds the second connection waits: its answers are long, and nobody waits for them
_LONGEST_SLEEP: Final = 3600.0
_HEARD: Final = 0.5  # seconds in which a task ends that has heard that it shall
_TURN: Final = 0.0005
"""Seconds after which the thread that reads the broker's long answers lets messages go first; Python waits 5 ms."""
_YOUNG, _MIDDLE, _NEVER = 10_000, 20, 1_000_000
"""Thresholds of the collector: a look at everything stands still for 0.3 s among 10,000 calls, whose objects make no
cycles. What cycles there are, from faults and reloads, RELOAD collects."""


class Runner:
    """One engine and its surroundings. All of it runs in one thread; only the second broker connection has its own."""

    def __init__(self, engine: Engine, policy: AlgPolicy, until: float | None = None) -> None:
        self._engine = engine
        self._revision = policy.revision
        self._faults = Faults(engine.counts)
        self._broker = BrokerClient(names.broker_socket())
        self._patient_broker = BrokerClient(names.broker_socket(), timeout=_PATIENCE)
        self._patience = asyncio.Lock()
        self._udp = UdpSockets(self._broker, engine.counts, self._take, self._schedule)
        self._tcp = TcpConnections(
            self._broker, engine.counts, self._take, self._schedule, self._abused, engine.side_of
        )
        self._publisher = Publisher(engine, names.redis_socket(), self._faults)
        self._journal = Journal(engine.state, names.engine_journal(), self._faults)
        self._reconciled = False
        operations = {
            "snapshot": self._snapshot,
            "reload": self._reload,
            "ping": self._ping,
            "bans": self._bans,
            "unban": self._unban,
            "close": self._close,
        }
        self._control = ControlServer(operations | questions(engine), self._faults)
        self._broker_answers = False
        self._timer: asyncio.TimerHandle | None = None
        self._renewal: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._signalling: frozenset[Endpoint] = frozenset()
        self._use(policy)
        self._until = until

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set."""
        with self._faults.caught("state of the engine before"):
            self._journal.restore(time.monotonic())
        gc.freeze()
        gc.set_threshold(_YOUNG, _MIDDLE, _NEVER)
        gc.enable()
        self._drive("what the policy of now ends", self._engine.catch_up)
        self._expect(self._until)
        self._signalling |= {wildcard(each) for each in self._engine.state.endpoints()}
        self._listen()
        self._schedule()
        await self._control.start(names.engine_socket())
        log.info("ready at %s, policy revision %d", names.engine_socket(), self._revision)
        tasks = [asyncio.create_task(self._count()), asyncio.create_task(self._publisher.run())]
        await stop.wait()
        for task in tasks:
            await ended(task)
        self._journal.close()
        await self._control.close()
        await self._publisher.close()
        self._udp.close()
        self._tcp.close()
        self._broker.disconnect()
        self._patient_broker.disconnect()
        if self._timer is not None:
            self._timer.cancel()

    # --- what goes into the engine ---

    def _take(self, datagram: Datagram) -> None:
        """As `_drive`, with less around it: this is what the engine does all day."""
        try:
            now = time.monotonic()
            effects = self._engine.receive(datagram, now)
            self._journal.turn(now)
            self._do(effects, together=True)
        except Exception as error:  # noqa: BLE001 - Faults is where they all end
            self._faults.note(f"datagram from {datagram.flow.source}", error)

    def _abused(self, flow: Flow) -> None:
        self._drive(f"stream of {flow.source}", self._engine.abused, flow)

    def _tick(self) -> None:
        self._timer = None
        self._drive("tick", self._engine.tick)
        self._schedule()

    def _drive(self, doing: str, step: Callable[..., Iterable[Effect]], *arguments: Any) -> None:
        with self._faults.caught(doing):
            now = time.monotonic()
            effects = step(*arguments, now)
            self._journal.turn(now)  # before what follows from it is seen
            self._do(effects)

    def _schedule(self) -> None:
        """Have `tick` called when the engine next wants it."""
        deadline = self._engine.next_deadline()
        now = time.monotonic()  # the clock of asyncio's own timers, too
        at = now + _LONGEST_SLEEP if deadline is None else max(deadline, now)
        if self._timer is not None:
            if at >= self._timer_at:
                return  # it wakes up early enough, and asks again then
            self._timer.cancel()
        self._timer, self._timer_at = asyncio.get_running_loop().call_at(at, self._tick), at

    async def _count(self) -> None:
        while True:
            with self._faults.caught("counting"):
                self._listen()
                async with self._patience:
                    reply, counters = await asyncio.to_thread(self._patient_broker.count)
                    drops = await asyncio.to_thread(self._patient_broker.drops)
                    strays = await asyncio.to_thread(self._patient_broker.strays)
                for reason, packets in drops.items():
                    self._engine.counts[f"kernel:{reason}"] = packets
                self._broker_answers = reply.status is Status.OK
                if self._broker_answers:
                    if not self._reconciled:
                        self._reconciled = True
                        self._drive("pinholes of the engine before", self._engine.reconcile, counters)
                    self._drive("counters", self._engine.count, counters, strays)
                    self._schedule()
            await asyncio.sleep(COUNT_INTERVAL)

    # --- what comes out of it ---

    def _do(self, effects: Iterable[Effect], *, together: bool = False) -> None:
        """In their order. Pinholes that are opened one behind the other are so together, as are those that are closed.

        `together`: of a message. Where one cannot be opened nothing more is, and nothing is sent: it would announce it.
        What is to close, closes, unless it was to make room for that: then the engine says what becomes of it. What is
        of no message is of many calls: none of them pays for another's.
        """
        opening: list[Pinhole] = []
        closing: list[Pinhole] = []
        failed = False
        for effect in effects:
            if isinstance(effect, OpenPinhole):
                self._close_all(closing)  # it may be in the way
                opening.append(effect.pinhole)
                continue
            failed = failed or not self._open(opening, together)
            opening.clear()
            if failed and not isinstance(effect, ClosePinhole | Changed):
                continue
            match effect:
                case ClosePinhole(pinhole, makes_room):
                    if not (failed and makes_room):
                        closing.append(pinhole)
                case Forward():
                    (self._tcp if effect.transport is Transport.TCP else self._udp).send(effect)
                case Listen(own, transport):
                    (self._tcp if transport is Transport.TCP else self._udp).open(wildcard(own))
                case Ban(host, seconds):
                    reply = self._broker.ban(host, seconds)
                    log.warning("banned %s for %.0f s: %s", host, seconds, reply.status.name)
                case Changed(topic, ident):
                    self._publisher.changed(topic, ident)
        if not failed:
            self._open(opening, together)
        self._close_all(closing)

    def _close_all(self, pinholes: list[Pinhole]) -> None:
        for at in range(0, len(pinholes), TOGETHER):
            if self._broker.close(*pinholes[at : at + TOGETHER]).status is not Status.OK:
                self._faults.counts["error:close"] += 1  # the kernel's timeout ends it
        pinholes.clear()

    def _open(self, pinholes: list[Pinhole], together: bool) -> bool:
        """Whether it goes on: where they belong together all must be open. The engine is told of what is not."""
        for at in range(0, len(pinholes), TOGETHER):
            some = pinholes[at : at + TOGETHER]
            reply = self._broker.open(*some)
            if reply.status is Status.OK:
                continue
            if together or len(some) == 1:
                self._failed(some[reply.value] if reply.value < len(some) else some[0], reply)
                if together:
                    return False
            elif reply.status is Status.FAILED:
                for each in some:
                    self._failed(each, reply)
            else:
                for each in some:
                    self._open([each], together)
        return True

    def _failed(self, pinhole: Pinhole, reply: Reply) -> None:
        log.warning("pinhole %d: %s %d", pinhole.id, reply.status.name, reply.detail)
        self._drive("failed pinhole", self._engine.pinhole_failed, pinhole, reply.status, reply.detail)

    # --- the policy, and what is asked ---

    def _use(self, policy: AlgPolicy) -> None:
        self._revision = policy.revision
        self._udp.flows = tproxy.Flows(tproxy.sides(policy))
        self._tcp.own = self._udp.own = frozenset(policy.external_addresses)
        self._udp.ports = peer_ports(policy)
        families = [WILDCARD[version] for version in WILDCARD if policy.enabled and policy.external_address(version)]
        self._signalling = frozenset(Endpoint(host, port) for host in families for port in peer_ports(policy))

    def _listen(self) -> None:
        """Sockets of all ports that peers know. Those of mappings are opened when they are first sent from."""
        for at in self._signalling:
            self._udp.open(at)
            self._tcp.open(at)

    async def _reload(self, _: dict[str, Any]) -> Answer:
        try:
            policy, until = running(names.policy_file(), names.trial_file())
        except PolicyError as error:
            raise BadRequest(f"policy refused, revision {self._revision} stays: {error}") from error
        async with self._patience:  # first the broker: it grants the sockets of the new ports
            reply = await asyncio.to_thread(self._patient_broker.reload)
        self._use(policy)
        self._drive("policy", self._engine.set_policy, policy)
        self._listen()
        self._schedule()
        gc.collect()
        self._expect(until)
        return {"ok": True, "revision": policy.revision, "broker": reply.status.name}

    def _expect(self, until: float | None) -> None:
        """Look again when what is in force means something else by itself (monotonic seconds)."""
        if self._renewal is not None:
            self._renewal.cancel()
        self._renewal = None if until is None else asyncio.get_running_loop().call_at(until, self._renew)

    def _renew(self) -> None:
        self._renewing = asyncio.create_task(self._renewed())

    async def _renewed(self) -> None:
        with self._faults.caught("what follows when something has ended"):
            await self._reload({})

    async def _snapshot(self, request: dict[str, Any]) -> Answer:
        for topic in TOPICS:
            if topic == request.get("topic"):
                return dict(self._publisher.snapshot(topic))
        raise BadRequest(f'"topic" must be one of {", ".join(TOPICS)}')

    async def _bans(self, _: dict[str, Any]) -> Answer:
        async with self._patience:
            reply, bans = await asyncio.to_thread(self._patient_broker.bans)
        if reply.status is not Status.OK:
            raise BadRequest(f"the broker does not say who is banned: {reply.why}")
        return {"items": [each._asdict() for each in bans]}

    async def _unban(self, request: dict[str, Any]) -> Answer:
        try:
            host = str(ip_address(str(request.get("host"))))
        except ValueError as error:
            raise BadRequest('"host" must be an IP address') from error
        async with self._patience:
            reply = await asyncio.to_thread(self._patient_broker.unban, host)
        if reply.status is not Status.OK:
            raise BadRequest(f"{host} is not banned" if reply.detail == errno.ENOENT else f"not done: {reply.why}")
        log.info("unbanned %s", host)
        return {"ok": True, "host": host}

    async def _close(self, request: dict[str, Any]) -> Answer:
        """Close an opening, as an operator wants it."""
        now = time.monotonic()
        effects = self._engine.close_opening(ident(request, "pinhole"), now)
        if not effects:
            raise BadRequest("there is no such opening")
        self._journal.turn(now)
        self._do(effects)
        return {"ok": True}

    async def _ping(self, _: dict[str, Any]) -> Answer:
        return {"ok": True, "revision": self._revision, "broker": self._broker_answers}


async def ended(task: asyncio.Task[None]) -> None:
    """Cancel it until it hears: redis-py loses a cancellation where an answer comes at the same moment."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_HEARD)
    with suppress(asyncio.CancelledError):
        task.result()


def run() -> int:
    """The whole process, until SIGTERM or SIGINT. There is one engine; a second one does not start."""
    try:
        claimed = claim(names.engine_socket())
        policy, until = running(names.policy_file(), names.trial_file())
    except AlreadyRunning as error:
        log.critical("%s", error.strerror)
        return 1
    except (PolicyError, OSError) as error:
        log.critical("%s is no policy: %s", names.policy_file(), error)
        return 1
    gc.disable()
    sys.setswitchinterval(_TURN)
    engine = Engine(policy, random=SystemRandom(), wall=time.time() - time.monotonic())
    with claimed:
        asyncio.run(_until_signalled(engine, policy, until))
    return 0


async def _until_signalled(engine: Engine, policy: AlgPolicy, until: float | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Runner(engine, policy, until).run(stop)
